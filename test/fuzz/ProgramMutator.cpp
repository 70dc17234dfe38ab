#include "test/fuzz/ProgramMutator.h"

#include "test/fuzz/TokenizerMutator.h"

namespace nyala::test {
namespace {

using namespace artifact;

/// A list of tables.
template <typename Table> void tables(Mutator &mutator, std::vector<std::unique_ptr<Table>> &list) {
  mutator.list(list, [](const std::unique_ptr<Table> &table) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(Table::TableType::Pack(builder, table.get()));
    return std::unique_ptr<Table>(
        flatbuffers::GetRoot<typename Table::TableType>(builder.GetBufferPointer())->UnPack());
  });
}

void addLaunchChanges(Mutator &mutator, KernelT &kernel) {
  mutator.number(kernel.threads);
  mutator.number(kernel.row_block);
  mutator.number(kernel.shared_bytes);
  mutator.number(kernel.workspace_bytes);
  mutator.add([&] { kernel.overlaps = !kernel.overlaps; });
  mutator.add([&] { kernel.library_call = std::make_unique<MatmulCallT>(); });
  if (MatmulCallT *call = kernel.library_call.get()) {
    mutator.number(call->columns);
    mutator.number(call->depth);
    mutator.number(call->activations);
    mutator.number(call->weight);
    mutator.number(call->residual);
    mutator.number(call->result);
  }
}

void addChanges(Mutator &mutator, ExecutableT &executable) {
  mutator.number(executable.target);
  mutator.text(executable.arch);
  mutator.list(executable.features, [](const std::string &feature) { return feature; });
  for (std::string &feature : executable.features)
    mutator.text(feature);
  mutator.text(executable.format);
  mutator.number(executable.offset);
  mutator.number(executable.size);
  tables(mutator, executable.kernels);
  for (auto &kernel : executable.kernels) {
    mutator.text(kernel->name);
    mutator.number(kernel->entry);
    mutator.number(kernel->size);
    mutator.number(kernel->scratch_bytes);
    mutator.number(kernel->tiles);
    mutator.number(kernel->tiles_per_row);
    addLaunchChanges(mutator, *kernel);
  }
}

void addChanges(Mutator &mutator, StepT &step) {
  mutator.number(step.kernel);
  mutator.list(step.buffers, [](const Buffer &buffer) { return buffer; });
  mutator.add([&] {
    auto region = static_cast<uint8_t>(mutator.pick(6));
    auto index = static_cast<uint32_t>(mutator.pick(6));
    uint64_t offset = mutator.pick(3) * 64;
    step.buffers.emplace_back(static_cast<Region>(region), index, offset);
  });
  mutator.number(step.rows);
  mutator.numbers(step.waits);
  mutator.numbers(step.writes);
  mutator.text(step.label);
  mutator.numbers(step.updates);
  mutator.add([&] {
    if (!step.floats.empty() && mutator.pick(2) == 0)
      step.floats.pop_back();
    else
      step.floats.push_back(mutator.pick(2) == 0);
  });
}

void addChanges(Mutator &mutator, EntryT &entry) {
  mutator.text(entry.name);
  tables(mutator, entry.counts);
  for (auto &count : entry.counts) {
    mutator.text(count->name);
    mutator.number(count->max);
  }
  tables(mutator, entry.arguments);
  for (auto &argument : entry.arguments) {
    mutator.number(argument->role);
    mutator.number(argument->count);
  }
  tables(mutator, entry.results);
  for (auto &result : entry.results) {
    mutator.text(result->name);
    mutator.number(result->count);
    mutator.number(result->row_bytes);
  }
  mutator.number(entry.arena_bytes);
  mutator.number(entry.device);
  tables(mutator, entry.steps);
  for (auto &step : entry.steps)
    addChanges(mutator, *step);
}

/// Results must have the width of the vocabulary.
void setVocabulary(Mutator &mutator, ArtifactT &program) {
  program.vocabulary = static_cast<uint32_t>(1 + mutator.pick(size_t{1} << mutator.pick(31)));
  for (auto &entry : program.entries)
    for (auto &result : entry->results)
      result->row_bytes = program.vocabulary * sizeof(float);
}

void addChanges(Mutator &mutator, ArtifactT &program) {
  mutator.number(program.vocabulary);
  mutator.number(program.context);
  mutator.add([&] { setVocabulary(mutator, program); });
  tables(mutator, program.metadata);
  tables(mutator, program.executables);
  for (auto &executable : program.executables)
    addChanges(mutator, *executable);
  tables(mutator, program.weights);
  for (auto &weight : program.weights) {
    mutator.number(weight->offset);
    mutator.number(weight->size);
  }
  mutator.text(program.weight_segment->file);
  mutator.number(program.weight_segment->offset);
  mutator.number(program.weight_segment->size);
  mutator.number(program.weight_segment->absent);
  tables(mutator, program.states);
  for (auto &state : program.states) {
    mutator.number(state->sequences);
    mutator.number(state->slots);
    mutator.number(state->slot_bytes);
    mutator.number(state->resident);
  }
  tables(mutator, program.entries);
  for (auto &entry : program.entries)
    addChanges(mutator, *entry);
  if (program.tokenizer)
    test::addChanges(mutator, *program.tokenizer);
}

} // namespace

std::vector<uint8_t> mutateProgram(const uint8_t *program, Mutator &mutator) {
  const std::unique_ptr<ArtifactT> tables = UnPackArtifact(program);
  addChanges(mutator, *tables);
  mutator.apply();
  flatbuffers::FlatBufferBuilder builder;
  FinishArtifactBuffer(builder, Artifact::Pack(builder, tables.get()));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

} // namespace nyala::test
