//===- CpuExecutor.cpp - Memory and threads of one session ----------------===//

#include "runtime/devices/cpu/CpuExecutor.h"
#include "runtime/devices/cpu/CpuDevice.h"

#include <algorithm>
#include <cstring>

namespace nyala::rt {
namespace {

class CpuEntry : public BoundEntry {
public:
  CpuEntry(const Artifact &artifact, const CpuImage &image, const artifact::Entry &source,
           const CpuProgram::Memory &memory, ThreadPool &pool, const Scratch &scratch)
      : BoundEntry(source), program(artifact, image, source, memory), pool(pool), scratch(scratch),
        workers(pool.size()) {
    results.assign(memory.results.begin(), memory.results.end());
  }

  bool run(const std::atomic<bool> *cancelled, Profile *profile, WorkBeside *beside) override {
    if (beside)
      beside->work();
    if (!profile)
      return program.run(pool, scratch, counts, cancelled, nullptr);
    CpuProfile recorded = {*profile, workers};
    return program.run(pool, scratch, counts, cancelled, &recorded);
  }
  void runStep(size_t index) override { program.runStep(index, pool, scratch, counts, nullptr); }
  void readBuffer(size_t step, size_t buffer, uint64_t offset,
                  std::span<std::byte> bytes) const override {
    const auto *base = static_cast<const std::byte *>(program.getBuffers(step)[buffer]);
    std::memcpy(bytes.data(), base + offset, bytes.size());
  }

private:
  /// Kernels write them there.
  void fetchResult(uint32_t, uint32_t, uint32_t) override {}

  CpuProgram program;
  ThreadPool &pool;
  const Scratch &scratch;
  std::vector<CpuProfile::Worker> workers;
};

} // namespace

std::unique_ptr<Executor> CpuDevice::createExecutor(const ExecutorOptions &options) const {
  return std::make_unique<CpuExecutor>(getArtifact(), image, options);
}

CpuExecutor::CpuExecutor(const Artifact &artifact, const CpuImage &image,
                         const ExecutorOptions &options)
    : artifact(artifact), image(image), pool(chooseThreads(options.threads)) {
  const size_t stride = getScratchStride(image.getExecutable());
  scratchMemory = reserve(stride * pool.size(), "the workers' scratch memory", use.rest);
  scratch = {scratchMemory.data(), stride};
  arena = reserve(getArenaBytes(artifact.program(), artifact::Target::Cpu), "the arena", use.arena);

  // Reserved at the capacity the kernels were compiled for, but for sequences, which come first in
  // a state: no more than will be used.
  states.resize(artifact.program().states()->size());
  for (uint32_t i : getSessionStates(artifact.program(), artifact::Target::Cpu)) {
    const artifact::State &state = *artifact.program().states()->Get(i);
    memory.push_back(
        reserve(std::min(options.sequences, state.sequences()) * state.slots() * state.slot_bytes(),
                "state '" + state.name()->str() + "'", use.states));
    states[i] = memory.back().data();
  }
  for (size_t role = 0; role < arguments.size(); ++role) {
    const uint64_t elements = getMaxArgument(artifact.program(), artifact::Target::Cpu,
                                             static_cast<artifact::ArgumentRole>(role));
    memory.push_back(reserve(elements * sizeof(int32_t), "the arguments", use.rest));
    arguments[role] = memory.back().data();
  }
}

Mapping CpuExecutor::reserve(uint64_t size, const std::string &purpose, uint64_t &counter) {
  counter += size;
  return Mapping::reserve(size, purpose);
}

std::unique_ptr<BoundEntry> CpuExecutor::bind(std::string_view name) {
  const artifact::Entry *entry = artifact.findEntry(name, artifact::Target::Cpu);
  if (!entry)
    return nullptr;
  std::vector<std::byte *> argumentBases, resultBases;
  for (const artifact::Argument *argument : *entry->arguments())
    argumentBases.push_back(arguments[static_cast<size_t>(argument->role())]);
  for (const artifact::Result *result : *entry->results()) {
    const uint64_t rows = entry->counts()->Get(result->count())->max();
    memory.push_back(
        reserve(rows * result->row_bytes(), "result '" + result->name()->str() + "'", use.rest));
    resultBases.push_back(memory.back().data());
  }
  const CpuProgram::Memory bases = {arena.data(), states, argumentBases, resultBases};
  return std::make_unique<CpuEntry>(artifact, image, *entry, bases, pool, scratch);
}

void CpuExecutor::readState(uint32_t index, uint64_t offset, std::span<std::byte> bytes) const {
  std::memcpy(bytes.data(), states[index] + offset, bytes.size());
}

void CpuExecutor::writeState(uint32_t index, uint64_t offset, std::span<const std::byte> bytes) {
  std::memcpy(states[index] + offset, bytes.data(), bytes.size());
}

void CpuExecutor::copyState(uint32_t index, uint64_t from, uint64_t to, uint64_t bytes) {
  std::memcpy(states[index] + to, states[index] + from, bytes);
}

} // namespace nyala::rt
