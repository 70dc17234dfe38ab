//===- CudaExecutor.cpp - Memory of one session on a GPU ------------------===//

#include "runtime/devices/cuda/CudaExecutor.h"
#include "runtime/devices/cuda/CudaEntry.h"

#include <algorithm>
#include <cstdlib>

namespace nyala::rt::cuda {
namespace {

/// Of the results' host memory, what is made known to the GPU: the logits of some rows.
constexpr uint64_t registeredBytes = uint64_t(4) << 20;
/// Attention may read whole blocks of slots, of which it masks those that are not filled.
constexpr uint64_t slotBlock = 256;

/// What a session's entries need at most, by `bytesOf`.
template <typename BytesOf>
uint64_t findMost(const artifact::Artifact &program, const BytesOf &bytesOf) {
  uint64_t most = 0;
  for (const artifact::Entry *entry : *program.entries())
    if (entry->device() == artifact::Target::Cuda && isSessionEntry(*entry))
      most = std::max<uint64_t>(most, bytesOf(*entry));
  return most;
}

uint64_t getParameterBytes(const artifact::Entry &entry) {
  uint64_t bytes = alignAddress(entry.counts()->size() * sizeof(uint32_t));
  for (const artifact::Argument *argument : *entry.arguments())
    bytes += alignAddress(entry.counts()->Get(argument->count())->max() * sizeof(int32_t));
  return bytes;
}

bool callsLibrary(const artifact::Executable &executable) {
  return std::ranges::any_of(*executable.kernels(), [](const artifact::Kernel *kernel) {
    return kernel->library_call() != nullptr;
  });
}

} // namespace

uint64_t CudaExecutor::getResultBytes(const artifact::Entry &entry, bool small) {
  uint64_t bytes = 0;
  for (const artifact::Result *result : *entry.results())
    if (isSmall(*result) == small)
      bytes += alignAddress(entry.counts()->Get(result->count())->max() * result->row_bytes());
  return bytes;
}

CudaExecutor::CudaExecutor(const CudaDevice &device, const ExecutorOptions &options)
    : device(device), context(device.getContext()), stream(context),
      hostParameters(context, findMost(device.getArtifact().program(), getParameterBytes)),
      smallResults(context, findMost(device.getArtifact().program(), [](const auto &entry) {
                     return getResultBytes(entry, /*small=*/true);
                   })) {
  const char *debug = std::getenv("NYALA_CUDA_DEBUG");
  stepwise = debug && *debug;
  const artifact::Artifact &program = device.getArtifact().program();
  const auto reserve = [&](uint64_t bytes, const char *purpose, uint64_t &counter) {
    counter += bytes;
    return DeviceMemory(context, bytes, purpose);
  };
  placeStates(options);
  arena = reserve(findMost(program, [](const auto &entry) { return entry.arena_bytes(); }),
                  "the arena", use.arena);
  workspace = reserve(getWorkspaceBytes(device.getExecutable()), "the workspace", use.rest);
  if (callsLibrary(device.getExecutable()))
    libraryWorkspace = reserve(CublasLt::workspaceBytes, "the workspace of products", use.rest);
  const uint64_t resultBytes =
      findMost(program, [](const auto &entry) { return getResultBytes(entry, /*small=*/false); });
  results = reserve(resultBytes, "the results", use.rest);
  hostResults = Mapping::reserve(resultBytes, "the results");
  use.rest += resultBytes;
  parameters = reserve(findMost(program, getParameterBytes), "the arguments", use.rest);
  const CudaDriver &driver = context.getDriver();
  for (const DeviceMemory *memory : {&stateMemory, &workspace})
    if (memory->size() > 0)
      driver.check(driver.fill(memory->get(), 0, memory->size(), stream.get()),
                   "clear the session's memory");
  for (size_t role = 0; role < arguments.size(); ++role) {
    const uint64_t elements =
        getMaxArgument(program, artifact::Target::Cuda, static_cast<artifact::ArgumentRole>(role));
    hostMemory.push_back(Mapping::reserve(elements * sizeof(int32_t), "the arguments"));
    arguments[role] = hostMemory.back().data();
  }
}

CudaExecutor::~CudaExecutor() {
  context.tryUse();
  context.getDriver().streamSynchronize(stream.get());
  if (isRegistered)
    context.getDriver().memHostUnregister(hostResults.data());
}

void CudaExecutor::placeStates(const ExecutorOptions &options) {
  const artifact::Artifact &program = device.getArtifact().program();
  states = device.getResidents();
  const std::vector<uint32_t> own = getSessionStates(program, artifact::Target::Cuda);
  uint64_t bytes = 0;
  for (uint32_t i : own) {
    // Sequences come first in a state, so of the last one only as many slots as are used.
    const artifact::State &state = *program.states()->Get(i);
    const uint64_t sequences = std::min(options.sequences, state.sequences());
    const uint64_t asked = options.context == 0 ? state.slots() : options.context;
    const uint64_t last =
        std::min<uint64_t>(state.slots(), (asked + slotBlock - 1) / slotBlock * slotBlock);
    states[i] = bytes;
    bytes += alignAddress(((sequences - 1) * state.slots() + last) * state.slot_bytes());
  }
  stateMemory = DeviceMemory(context, bytes, "the caches of the session");
  use.states = bytes;
  for (uint32_t i : own)
    states[i] += stateMemory.get();
}

void CudaExecutor::fetchResults(uint64_t offset, uint64_t bytes) {
  const CudaDriver &driver = context.getDriver();
  context.use();
  const uint64_t known = std::min<uint64_t>(hostResults.size(), registeredBytes);
  // Without it copies work as well, only slower.
  if (!isRegistered)
    isRegistered = driver.memHostRegister(hostResults.data(), known, 0) == Success;
  // A copy is either to memory that the GPU knows or to other memory.
  const uint64_t first = offset < known ? std::min(bytes, known - offset) : 0;
  for (auto [from, count] : {std::pair(offset, first), {offset + first, bytes - first}})
    if (count > 0)
      driver.check(
          driver.copyToHost(hostResults.data() + from, results.get() + from, count, stream.get()),
          "copy results from the gpu");
  driver.check(stream.wait(), "copy results from the gpu");
}

std::unique_ptr<BoundEntry> CudaExecutor::bind(std::string_view name) {
  const artifact::Entry *entry = device.getArtifact().findEntry(name, artifact::Target::Cuda);
  if (!entry)
    return nullptr;
  context.use();
  return std::make_unique<CudaEntry>(*this, *entry);
}

void CudaExecutor::readState(uint32_t index, uint64_t offset, std::span<std::byte> bytes) const {
  const CudaDriver &driver = context.getDriver();
  context.use();
  driver.check(driver.copyToHost(bytes.data(), states[index] + offset, bytes.size(), stream.get()),
               "read the session's memory");
  driver.check(stream.wait(), "read the session's memory");
}

void CudaExecutor::writeState(uint32_t index, uint64_t offset, std::span<const std::byte> bytes) {
  const CudaDriver &driver = context.getDriver();
  context.use();
  driver.check(
      driver.copyToDevice(states[index] + offset, bytes.data(), bytes.size(), stream.get()),
      "write the session's memory");
  driver.check(stream.wait(), "write the session's memory");
}

void CudaExecutor::copyState(uint32_t index, uint64_t from, uint64_t to, uint64_t bytes) {
  const CudaDriver &driver = context.getDriver();
  context.use();
  if (bytes > 0)
    driver.check(driver.copyOnDevice(states[index] + to, states[index] + from, bytes, stream.get()),
                 "copy the session's memory");
}

} // namespace nyala::rt::cuda
