//===- CudaDevice.cpp - A model on an NVIDIA GPU --------------------------===//

#include "runtime/devices/cuda/CudaDevice.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cuda/CudaExecutor.h"
#include "runtime/devices/cuda/CudaProgram.h"

#include <algorithm>

namespace nyala::rt::cuda {
namespace {

using artifact::Target;

bool isForSessions(const artifact::Entry &entry) {
  return entry.device() == Target::Cuda && isSessionEntry(entry);
}

/// The entry that writes what is resident; null if nothing is.
const artifact::Entry *findPreparation(const Artifact &artifact, bool randomWeights) {
  if (artifact.hasWeights() && randomWeights)
    throw Failure(NYALA_INVALID_ARGUMENT, "random weights were asked for, but '" +
                                              artifact.getPath() +
                                              "' has weights; compile it with --weights=none");
  if (artifact.hasWeights())
    return artifact.findEntry("init", Target::Cuda);
  const artifact::Entry *entry = artifact.findEntry("randomize", Target::Cuda);
  if (!randomWeights || !entry)
    throw Failure(NYALA_UNSUPPORTED,
                  "'" + artifact.getPath() +
                      "' was compiled with --weights=none; time it with nyala-bench "
                      "--random-weights, or compile it without that option");
  return entry;
}

} // namespace

CudaDevice::CudaDevice(const Artifact &artifact, uint32_t gpu, const DeviceOptions &options)
    : Device(artifact), context(gpu), module(context, artifact),
      kept(context, artifact, findUsedWeights(artifact.program(), isForSessions), "the weights"),
      weights(artifact.program().weights()->size()),
      residents(artifact.program().states()->size()) {
  kept.setAddresses(weights);
  placeResidents();
  prepare(options);
}

void CudaDevice::placeResidents() {
  const artifact::Artifact &program = getArtifact().program();
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < residents.size(); ++i)
    if (const artifact::State &state = *program.states()->Get(i); state.resident()) {
      residents[i] = bytes;
      bytes += alignAddress(state.sequences() * state.slots() * state.slot_bytes());
    }
  residentMemory = DeviceMemory(context, bytes, "the weights in the gpu's layout");
  for (uint32_t i = 0; i < residents.size(); ++i)
    if (program.states()->Get(i)->resident())
      residents[i] += residentMemory.get();
}

void CudaDevice::prepare(const DeviceOptions &options) {
  const Artifact &artifact = getArtifact();
  const artifact::Entry *entry = findPreparation(artifact, options.randomWeights);
  const CudaStream stream(context);
  // What only the preparation reads is not kept.
  std::vector<bool> staged = findUsedWeights(
      artifact.program(), [&](const artifact::Entry &other) { return &other == entry; });
  for (size_t i = 0; i < staged.size(); ++i)
    staged[i] = staged[i] && weights[i] == 0;
  const CudaWeights staging(context, artifact, staged, "the weights as stored");
  std::vector<Address> all = weights;
  staging.setAddresses(all);
  if (artifact.hasWeights()) {
    uint64_t done = 0;
    const uint64_t total = staging.getBytes() + kept.getBytes();
    const auto advance = [&](uint64_t bytes) {
      done += bytes;
      if (options.progress)
        options.progress(done, total);
    };
    staging.upload(stream, advance);
    kept.upload(stream, advance);
  } else {
    // Numbers that the preparation does not write are zeros, which are finite.
    kept.clear(stream);
    staging.clear(stream);
  }
  if (entry)
    runOnce(*entry, all, stream);
  context.getDriver().check(stream.wait(), "prepare the weights");
}

/// Runs an entry outside of a session.
void CudaDevice::runOnce(const artifact::Entry &entry, const std::vector<Address> &allWeights,
                         const CudaStream &stream) const {
  const CudaDriver &driver = context.getDriver();
  const DeviceMemory arena(context, entry.arena_bytes(), "the arena");
  const DeviceMemory workspace(context, getWorkspaceBytes(module.getExecutable()), "the workspace");
  std::vector<uint32_t> counts;
  for (const artifact::Count *count : *entry.counts())
    counts.push_back(count->max());
  const DeviceMemory countMemory(context, counts.size() * sizeof(uint32_t), "the counts");
  const CudaMemory memory = {.arena = arena.get(),
                             .workspace = workspace.get(),
                             .weights = allWeights,
                             .states = residents,
                             .arguments = {},
                             .results = {},
                             .counts = countMemory.get()};
  driver.check(driver.fill(workspace.get(), 0, workspace.size(), stream.get()),
               "clear the workspace");
  driver.check(
      driver.copyToDevice(countMemory.get(), counts.data(), countMemory.size(), stream.get()),
      "set the counts");
  const CudaProgram program(module, entry, nullptr);
  program.launchAll(memory, counts, stream.get());
  if (const Result result = stream.wait(); result != Success)
    driver.fail(result, "run " + entry.name()->str() + " on " + context.getName());
}

std::unique_ptr<Executor> CudaDevice::createExecutor(const ExecutorOptions &options) const {
  return std::make_unique<CudaExecutor>(*this, options);
}

} // namespace nyala::rt::cuda
