//===- ProgramMemory.cpp - What programs run in ---------------------------===//

#include "runtime/core/ProgramMemory.h"

#include <algorithm>

namespace nyala::rt {

std::byte *BoundEntry::findResult(std::string_view name) const {
  for (flatbuffers::uoffset_t i = 0; i < source->results()->size(); ++i)
    if (source->results()->Get(i)->name()->string_view() == name)
      return results[i];
  return nullptr;
}

uint64_t getArenaBytes(const Artifact &artifact) {
  uint64_t bytes = 0;
  for (const artifact::Entry *entry : *artifact.program().entries())
    bytes = std::max(bytes, entry->arena_bytes());
  return bytes;
}

ProgramMemory::ProgramMemory(const Artifact &artifact, const CpuImage &image, unsigned workers,
                             uint32_t sequences)
    : artifact(artifact), image(image) {
  const size_t stride = getScratchStride(image.getExecutable());
  scratchMemory = reserve(stride * workers, "the workers' scratch memory", use.rest);
  scratch = {scratchMemory.data(), stride};
  arena = reserve(getArenaBytes(artifact), "the arena", use.arena);

  // Reserved at the capacity the kernels were compiled for, but for sequences, which come first in
  // a state: no more than will be used. Committed by the system as slots fill.
  for (const artifact::State *state : *artifact.program().states()) {
    memory.push_back(
        reserve(std::min(sequences, state->sequences()) * state->slots() * state->slot_bytes(),
                "state '" + state->name()->str() + "'", use.states));
    states.push_back(memory.back().data());
  }
  uint64_t elements = 0;
  for (const artifact::Entry *entry : *artifact.program().entries())
    for (const artifact::Count *count : *entry->counts())
      elements = std::max<uint64_t>(elements, count->max());
  for (Mapping &argument : arguments)
    argument = reserve(elements * sizeof(int32_t), "the arguments", use.rest);
}

Mapping ProgramMemory::reserve(uint64_t size, const std::string &purpose, uint64_t &counter) {
  counter += size;
  return Mapping::reserve(size, purpose);
}

std::optional<BoundEntry> ProgramMemory::bind(std::string_view name) {
  const artifact::Entry *entry = artifact.findEntry(name);
  if (!entry)
    return std::nullopt;
  std::vector<CountValue> counts;
  for (const artifact::Count *count : *entry->counts())
    counts.push_back({count->max()});
  std::vector<std::byte *> argumentBases, resultBases;
  for (const artifact::Argument *argument : *entry->arguments())
    argumentBases.push_back(arguments[static_cast<size_t>(argument->role())].data());
  for (const artifact::Result *result : *entry->results()) {
    memory.push_back(reserve(counts[result->count()].rows * result->row_bytes(),
                             "result '" + result->name()->str() + "'", use.rest));
    resultBases.push_back(memory.back().data());
  }
  CpuProgram program(artifact, image, *entry, {arena.data(), states, argumentBases, resultBases});
  return BoundEntry{entry, std::move(program), std::move(counts), std::move(resultBases)};
}

} // namespace nyala::rt
