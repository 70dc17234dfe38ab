//===- Facts.cpp - What follows from an artifact's tables -----------------===//

#include "tools/nyala-inspect/Facts.h"
#include "runtime/core/Artifact.h"

#include <algorithm>
#include <cctype>

namespace nyala::inspect {

uint32_t countReadBuffers(const artifact::Step &step) {
  return step.buffers()->size() - (step.writes() ? step.writes()->size() : 0);
}

bool saysWhatIsWritten(const artifact::Entry &entry) {
  return std::all_of(entry.steps()->begin(), entry.steps()->end(),
                     [](const artifact::Step *step) { return step->writes() != nullptr; });
}

std::vector<LiveRange> findLiveRanges(const artifact::Entry &entry) {
  std::vector<LiveRange> ranges;
  if (!saysWhatIsWritten(entry))
    return ranges;
  std::map<uint64_t, size_t> latest; // by offset: the value last written there
  for (uint32_t number = 0; number < entry.steps()->size(); ++number) {
    const artifact::Step &step = *entry.steps()->Get(number);
    const uint32_t reads = countReadBuffers(step);
    for (uint32_t i = 0; i < step.buffers()->size(); ++i) {
      const artifact::Buffer &buffer = *step.buffers()->Get(i);
      if (buffer.region() != artifact::Region::Arena)
        continue;
      if (i >= reads) {
        latest[buffer.offset()] = ranges.size();
        ranges.push_back({buffer.offset(), step.writes()->Get(i - reads), number, {}});
        continue;
      }
      // It may be rows of what was written.
      auto value = latest.upper_bound(buffer.offset());
      if (value == latest.begin())
        continue;
      LiveRange &range = ranges[(--value)->second];
      if (buffer.offset() >= range.offset + range.bytes)
        continue;
      std::vector<uint32_t> &readers = range.reads;
      if (readers.empty() || readers.back() != number)
        readers.push_back(number);
    }
  }
  return ranges;
}

uint64_t countLiveBytes(const std::vector<LiveRange> &ranges, uint32_t step) {
  uint64_t bytes = 0;
  for (const LiveRange &range : ranges)
    bytes += range.isLive(step) ? range.bytes : 0;
  return bytes;
}

std::vector<uint32_t> countKernelUses(const artifact::Artifact &program, artifact::Target device) {
  std::vector<uint32_t> uses(rt::findExecutable(program, device)->kernels()->size());
  for (const artifact::Entry *entry : *program.entries())
    if (entry->device() == device)
      for (const artifact::Step *step : *entry->steps())
        ++uses[step->kernel()];
  return uses;
}

uint64_t countKvBytesPerToken(const artifact::Artifact &program) {
  uint64_t bytes = 0;
  if (rt::servesSessions(program))
    for (const artifact::State *state : *program.states())
      bytes += state->resident() ? 0 : state->slot_bytes();
  return bytes;
}

static uint64_t countStateBytes(const artifact::Artifact &program, bool resident) {
  uint64_t bytes = 0;
  for (const artifact::State *state : *program.states())
    if (state->resident() == resident)
      bytes += state->sequences() * state->slots() * state->slot_bytes();
  return bytes;
}
uint64_t countStateBytes(const artifact::Artifact &program) {
  return countStateBytes(program, /*resident=*/false);
}
uint64_t countResidentBytes(const artifact::Artifact &program) {
  return countStateBytes(program, /*resident=*/true);
}

std::string getMetadata(const artifact::Artifact &program, std::string_view key) {
  for (const artifact::KeyValue *pair : *program.metadata())
    if (pair->key()->string_view() == key)
      return pair->value()->str();
  return "";
}

std::map<std::string, WeightTotal> countWeightFormats(const artifact::Artifact &program) {
  std::map<std::string, WeightTotal> totals;
  for (const artifact::Weight *weight : *program.weights()) {
    WeightTotal &total = totals[weight->format()->str()];
    ++total.weights;
    total.bytes += weight->size();
  }
  return totals;
}

std::string getObjectName(const artifact::Artifact &program, const artifact::Entry &entry,
                          const artifact::Buffer &buffer) {
  switch (buffer.region()) {
  case artifact::Region::Arena:
    break;
  case artifact::Region::Weight:
    return program.weights()->Get(buffer.index())->name()->str();
  case artifact::Region::State:
    return program.states()->Get(buffer.index())->name()->str();
  case artifact::Region::Argument:
    return getName(entry.arguments()->Get(buffer.index())->role());
  case artifact::Region::Result:
    return entry.results()->Get(buffer.index())->name()->str();
  }
  return "";
}

std::string getKernelName(const artifact::Artifact &program, const artifact::Entry &entry,
                          const artifact::Step &step) {
  const artifact::Executable &executable = *rt::findExecutable(program, entry.device());
  return executable.kernels()->Get(step.kernel())->name()->str();
}

static std::string toLower(std::string name) {
  for (char &c : name)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::string getName(artifact::Target target) { return toLower(EnumNameTarget(target)); }
/// "loss_weights" for LossWeights.
std::string getName(artifact::ArgumentRole role) {
  std::string name;
  for (char c : std::string_view(EnumNameArgumentRole(role))) {
    if (!name.empty() && std::isupper(static_cast<unsigned char>(c)))
      name += '_';
    name += c;
  }
  return toLower(name);
}
std::string getName(artifact::Region region) { return toLower(EnumNameRegion(region)); }

} // namespace nyala::inspect
