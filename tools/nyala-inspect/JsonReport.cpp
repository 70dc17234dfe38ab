//===- JsonReport.cpp - An artifact as JSON -------------------------------===//
//
// Keys and units: docs/inspecting.md.
//
//===----------------------------------------------------------------------===//

#include "tools/nyala-inspect/Facts.h"
#include "tools/nyala-inspect/Reports.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace nyala::inspect {
namespace {

using Json = nlohmann::ordered_json;

template <typename List, typename Convert> Json toArray(const List &list, Convert convert) {
  Json array = Json::array();
  for (const auto &element : list)
    array.push_back(convert(element));
  return array;
}

Json reportExecutable(const artifact::Executable &executable) {
  return {{"target", getName(executable.target())},
          {"arch", executable.arch()->str()},
          {"format", executable.format()->str()},
          {"features", toArray(*executable.features(),
                               [](const flatbuffers::String *feature) { return feature->str(); })},
          {"offset", executable.offset()},
          {"bytes", executable.size()}};
}

Json reportCall(const artifact::MatmulCall *call) {
  if (!call)
    return nullptr;
  return {{"columns", call->columns()},
          {"depth", call->depth()},
          {"activations", call->activations()},
          {"weight", call->weight()},
          {"residual", call->residual() < 0 ? Json(nullptr) : Json(call->residual())},
          {"result", call->result()}};
}

/// What only kernels of the device have.
Json reportLaunch(const artifact::Kernel &kernel, artifact::Target device) {
  if (device == artifact::Target::Cpu)
    return {{"scratch_bytes", kernel.scratch_bytes()},
            {"tiles", kernel.tiles()},
            {"tiles_per_row", kernel.tiles_per_row()}};
  return {{"tiles", kernel.tiles()},
          {"row_block", kernel.row_block()},
          {"threads", kernel.threads()},
          {"shared_bytes", kernel.shared_bytes()},
          {"workspace_bytes", kernel.workspace_bytes()},
          {"library_call", reportCall(kernel.library_call())},
          {"overlaps", kernel.overlaps()}};
}

Json reportKernelsOf(const artifact::Artifact &program) {
  Json kernels = Json::array();
  for (const artifact::Executable *executable : *program.executables()) {
    const std::vector<uint32_t> uses = countKernelUses(program, executable->target());
    for (uint32_t i = 0; i < uses.size(); ++i) {
      const artifact::Kernel &kernel = *executable->kernels()->Get(i);
      kernels.push_back({{"name", kernel.name()->str()},
                         {"target", getName(executable->target())},
                         {"arch", executable->arch()->str()},
                         {"format", executable->format()->str()},
                         {"offset", kernel.entry()},
                         {"bytes", kernel.size()},
                         {"uses", uses[i]}});
      kernels.back().update(reportLaunch(kernel, executable->target()));
    }
  }
  return kernels;
}

Json reportWeight(const artifact::Weight *weight) {
  return {{"name", weight->name()->str()},
          {"format", weight->format()->str()},
          {"shape", toArray(*weight->shape(), [](int64_t size) { return size; })},
          {"offset", weight->offset()},
          {"bytes", weight->size()}};
}

Json reportState(const artifact::State *state) {
  return {{"name", state->name()->str()},
          {"sequences", state->sequences()},
          {"slots", state->slots()},
          {"slot_bytes", state->slot_bytes()},
          {"resident", state->resident()}};
}

Json reportStep(const artifact::Artifact &program, const artifact::Entry &entry,
                const artifact::Step &step) {
  const auto reportBuffer = [&](const artifact::Buffer *buffer) {
    Json json = {{"region", getName(buffer->region())}, {"offset", buffer->offset()}};
    if (const std::string name = getObjectName(program, entry, *buffer); !name.empty())
      json["name"] = name;
    return json;
  };
  Json json = {{"kernel", getKernelName(program, entry, step)},
               {"rows", entry.counts()->Get(step.rows())->name()->str()},
               {"buffers", toArray(*step.buffers(), reportBuffer)},
               {"waits", toArray(*step.waits(), [](uint32_t wait) { return wait; })},
               {"flops_per_row", step.flops_per_row()},
               {"bytes_fixed", step.bytes_fixed()},
               {"bytes_per_row", step.bytes_per_row()},
               {"flops_per_row_position", step.flops_per_row_position()},
               {"bytes_per_row_position", step.bytes_per_row_position()}};
  if (step.label())
    json["label"] = step.label()->str();
  for (uint32_t i = countReadBuffers(step); i < step.buffers()->size(); ++i)
    json["buffers"][i]["written_bytes"] = step.writes()->Get(i - countReadBuffers(step));
  return json;
}

Json reportEntry(const artifact::Artifact &program, const artifact::Entry *entry) {
  const auto countName = [&](uint32_t index) { return entry->counts()->Get(index)->name()->str(); };
  Json counts = Json::object();
  for (const artifact::Count *count : *entry->counts())
    counts[count->name()->str()] = count->max();
  Json json = {
      {"name", entry->name()->str()}, {"device", getName(entry->device())}, {"counts", counts}};
  json["arguments"] = toArray(*entry->arguments(), [&](const artifact::Argument *argument) -> Json {
    return {{"name", getName(argument->role())}, {"count", countName(argument->count())}};
  });
  json["results"] = toArray(*entry->results(), [&](const artifact::Result *result) -> Json {
    return {{"name", result->name()->str()},
            {"count", countName(result->count())},
            {"row_bytes", result->row_bytes()}};
  });
  json["arena_bytes"] = entry->arena_bytes();
  json["steps"] = toArray(*entry->steps(), [&](const artifact::Step *step) {
    return reportStep(program, *entry, *step);
  });
  json["arena_values"] = nullptr;
  if (saysWhatIsWritten(*entry))
    json["arena_values"] = toArray(findLiveRanges(*entry), [](const LiveRange &range) -> Json {
      return {{"offset", range.offset},
              {"bytes", range.bytes},
              {"written", range.written},
              {"read", range.reads}};
    });
  return json;
}

Json reportTokenizer(const artifact::Tokenizer *tokenizer) {
  if (!tokenizer)
    return nullptr;
  return {{"model", tokenizer->model()->str()},
          {"pre_tokenizer", tokenizer->pre_tokenizer()->str()},
          {"splits", tokenizer->splits()
                         ? toArray(*tokenizer->splits(),
                                   [](const flatbuffers::String *split) { return split->str(); })
                         : Json()},
          {"merges", tokenizer->merges()->size()},
          {"special_tokens", tokenizer->specials()->size()},
          {"chat_template", tokenizer->chat_template() != nullptr}};
}

} // namespace

std::string reportJson(const rt::Artifact &artifact) {
  const artifact::Artifact &program = artifact.program();
  uint64_t arenaBytes = 0, codeBytes = 0;
  for (const artifact::Entry *entry : *program.entries())
    arenaBytes = std::max(arenaBytes, entry->arena_bytes());
  for (const artifact::Executable *executable : *program.executables())
    codeBytes += executable->size();
  Json metadata = Json::object();
  for (const artifact::KeyValue *pair : *program.metadata())
    metadata[pair->key()->str()] = pair->value()->str();
  Json formats = Json::object();
  for (const auto &[format, total] : countWeightFormats(program))
    formats[format] = {{"weights", total.weights}, {"bytes", total.bytes}};
  const artifact::WeightSegment &segment = *program.weight_segment();

  const Json json = {{"file", artifact.getPath()},
                     {"file_bytes", artifact.getFile().getSize()},
                     {"producer", program.producer()->str()},
                     {"architecture", program.architecture()->str()},
                     {"arithmetic", program.arithmetic()->str()},
                     {"vocabulary", program.vocabulary()},
                     {"context", program.context()},
                     {"metadata", metadata},
                     {"tokenizer", reportTokenizer(program.tokenizer())},
                     {"arena_bytes", arenaBytes},
                     {"weight_bytes", segment.size()},
                     {"weights_absent", segment.absent()},
                     {"weight_file", segment.file() ? Json(segment.file()->str()) : Json(nullptr)},
                     {"code_bytes", codeBytes},
                     {"kv_bytes_per_token", countKvBytesPerToken(program)},
                     {"state_bytes", countStateBytes(program)},
                     {"resident_bytes", countResidentBytes(program)},
                     {"executables", toArray(*program.executables(),
                                             [](const artifact::Executable *executable) {
                                               return reportExecutable(*executable);
                                             })},
                     {"kernels", reportKernelsOf(program)},
                     {"weight_formats", formats},
                     {"weights", toArray(*program.weights(), reportWeight)},
                     {"states", toArray(*program.states(), reportState)},
                     {"entries", toArray(*program.entries(), [&](const artifact::Entry *entry) {
                        return reportEntry(program, entry);
                      })}};
  // Names come from model files: bytes that are no UTF-8 must not end the tool.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace nyala::inspect
