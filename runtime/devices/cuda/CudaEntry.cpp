//===- CudaEntry.cpp - An entry in the memory of a session ----------------===//

#include "runtime/devices/cuda/CudaEntry.h"
#include "runtime/core/Status.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace nyala::rt::cuda {

/// Calls of as many rows as 1, 2, 4, … 256, 512, 768, … share launches: few graphs, and no more
/// than a few blocks that have nothing to do.
static uint32_t roundUp(uint32_t rows) {
  constexpr uint32_t evenly = 256;
  if (rows == 0)
    return 0;
  return rows <= evenly ? std::bit_ceil(rows) : (rows + evenly - 1) / evenly * evenly;
}

CudaEntry::Captured::~Captured() {
  if (!exec)
    return;
  context->tryUse();
  context->getDriver().graphExecDestroy(exec);
}

CudaEntry::CudaEntry(CudaExecutor &executor, const artifact::Entry &source)
    : BoundEntry(source), executor(executor), context(executor.context),
      driver(context.getDriver()),
      program(executor.device.getModule(), source, &executor.device.getLibrary()),
      wanted(counts.size()) {
  uint64_t small = 0, large = 0;
  for (const artifact::Result *result : *source.results()) {
    const uint64_t bytes = alignAddress(counts[result->count()].rows * result->row_bytes());
    if (CudaExecutor::isSmall(*result)) {
      results.push_back(executor.smallResults.data() + small);
      // Pinned memory has the same address on the GPU.
      resultAddresses.push_back(reinterpret_cast<Address>(results.back()));
      isCopied.emplace_back();
      small += bytes;
    } else {
      results.push_back(executor.hostResults.data() + large);
      resultAddresses.push_back(executor.results.get() + large);
      isCopied.emplace_back(counts[result->count()].rows);
      large += bytes;
    }
  }
}

CudaEntry::Variant &CudaEntry::getVariant() {
  for (uint32_t i = 0; i < counts.size(); ++i)
    wanted[i] = std::min(roundUp(counts[i].rows), source.counts()->Get(i)->max());
  const auto found = std::ranges::find_if(
      variants, [&](const std::unique_ptr<Variant> &variant) { return variant->most == wanted; });
  if (found != variants.end()) {
    last = found->get();
    return **found;
  }
  Variant &variant = *variants.emplace_back(std::make_unique<Variant>(context, wanted));
  place(variant);
  last = &variant;
  return variant;
}

void CudaEntry::place(Variant &variant) const {
  CudaMemory &memory = variant.memory;
  memory.arena = executor.arena.get();
  memory.workspace = executor.workspace.get();
  memory.libraryWorkspace = executor.libraryWorkspace.get();
  memory.weights = executor.device.getWeights();
  memory.states = executor.states;
  memory.counts = executor.parameters.get();
  uint64_t bytes = alignAddress(counts.size() * sizeof(uint32_t));
  for (const artifact::Argument *argument : *source.arguments()) {
    memory.arguments.push_back(executor.parameters.get() + bytes);
    bytes += alignAddress(variant.most[argument->count()] * sizeof(int32_t));
  }
  variant.parameterBytes = bytes;
  memory.results = resultAddresses;
}

void CudaEntry::fill(const Variant &variant) {
  std::byte *host = executor.hostParameters.data();
  for (size_t i = 0; i < counts.size(); ++i)
    std::memcpy(host + i * sizeof(uint32_t), &counts[i].rows, sizeof(uint32_t));
  for (uint32_t i = 0; i < source.arguments()->size(); ++i) {
    const artifact::Argument &argument = *source.arguments()->Get(i);
    std::memcpy(host + (variant.memory.arguments[i] - variant.memory.counts),
                executor.getArgument<int32_t>(argument.role()),
                counts[argument.count()].rows * sizeof(int32_t));
  }
}

void CudaEntry::copyParameters(const Variant &variant) const {
  driver.check(driver.copyToDevice(variant.memory.counts, executor.hostParameters.data(),
                                   variant.parameterBytes, executor.stream.get()),
               "copy the arguments to the gpu");
}

void CudaEntry::launchSteps(const Variant &variant, std::span<const CudaEvent> events) const {
  const auto record = [&](size_t index) {
    if (!events.empty())
      driver.check(
          driver.eventRecordWithFlags(events[index].get(), executor.stream.get(), externalRecord),
          "record an event");
  };
  record(0);
  bool behindKernel = false;
  for (size_t i = 0; i < source.steps()->size(); ++i) {
    behindKernel =
        program.launch(i, variant.memory, variant.most, executor.stream.get(), behindKernel) &&
        events.empty();
    record(i + 1);
  }
}

void CudaEntry::capture(const Variant &variant, Captured &target,
                        std::span<const CudaEvent> events) {
  const Stream stream = executor.stream.get();
  const char *what = "capture the launches";
  Graph graph = nullptr;
  driver.check(driver.streamBeginCapture(stream, threadLocalCapture), what);
  try {
    copyParameters(variant);
    launchSteps(variant, events);
  } catch (...) {
    if (driver.streamEndCapture(stream, &graph) == Success && graph)
      driver.graphDestroy(graph);
    throw;
  }
  driver.check(driver.streamEndCapture(stream, &graph), what);
  const Result result = driver.graphInstantiate(&target.exec, graph, 0);
  driver.graphDestroy(graph);
  driver.check(result, what);
}

void CudaEntry::launchGraph(const Captured &graph) const {
  if (const Result result = driver.graphLaunch(graph.exec, executor.stream.get());
      result != Success)
    driver.fail(result, "start " + source.name()->str() + " on " + context.getName());
}

bool CudaEntry::run(const std::atomic<bool> *cancelled, Profile *profile, WorkBeside *beside) {
  if (cancelled && cancelled->load(std::memory_order_relaxed))
    return false;
  context.use();
  Variant &variant = getVariant();
  fill(variant);
  // The driver loads kernels, and cuBLASLt itself, when they are first launched. A capture is no
  // time for that.
  const bool first = !std::exchange(variant.hasRun, true);
  if (first)
    program.unifySharedMemory();
  for (std::vector<bool> &rows : isCopied)
    rows.assign(rows.size(), false);
  if (executor.stepwise || (first && profile)) {
    runStepwise(variant, profile);
  } else if (first) {
    copyParameters(variant);
    launchSteps(variant, {});
  } else if (profile) {
    runTimed(variant, *profile);
  } else {
    if (!variant.graph.exec)
      capture(variant, variant.graph, {});
    launchGraph(variant.graph);
  }
  if (beside)
    beside->work();
  wait();
  return true;
}

void CudaEntry::fetchResult(uint32_t result, uint32_t first, uint32_t count) {
  std::vector<bool> &copied = isCopied[result];
  if (copied.empty())
    return;
  const auto begin = copied.begin() + first, end = begin + count;
  if (std::all_of(begin, end, [](bool row) { return row; }))
    return;
  const uint64_t rowBytes = source.results()->Get(result)->row_bytes();
  const auto offset = static_cast<uint64_t>(results[result] - executor.hostResults.data());
  executor.fetchResults(offset + first * rowBytes, count * rowBytes);
  std::fill(begin, end, true);
}

void CudaEntry::wait() const {
  if (const Result result = executor.stream.wait(); result != Success)
    driver.fail(result, "run " + source.name()->str() + " on " + context.getName() +
                            " (NYALA_CUDA_DEBUG=1 says which step fails)");
}

void CudaEntry::addStep(Profile &profile, size_t index, Profile::Clock::duration time) const {
  const CountValue &count = counts[source.steps()->Get(static_cast<uint32_t>(index))->rows()];
  if (count.rows == 0)
    return;
  Profile::Step &step = profile.steps[index];
  ++step.calls;
  step.rows += count.rows;
  step.positions += count.positions;
  step.time += time;
  step.busy += time;
}

void CudaEntry::runStepwise(const Variant &variant, Profile *profile) {
  copyParameters(variant);
  for (size_t i = 0; i < source.steps()->size(); ++i) {
    const auto begin = Profile::Clock::now();
    program.launch(i, variant.memory, variant.most, executor.stream.get());
    if (const Result result = executor.stream.wait(); result != Success)
      throw Failure(NYALA_DEVICE_FAILED, program.describe(i) + ", on " + context.getName() + ": " +
                                             driver.describe(result));
    if (profile)
      addStep(*profile, i, Profile::Clock::now() - begin);
  }
}

void CudaEntry::runTimed(Variant &variant, Profile &profile) {
  const size_t steps = source.steps()->size();
  if (!variant.timed.exec) {
    while (variant.events.size() <= steps)
      variant.events.emplace_back(context, 0u);
    capture(variant, variant.timed, variant.events);
  }
  launchGraph(variant.timed);
  wait();
  for (size_t i = 0; i < steps; ++i) {
    float milliseconds = 0;
    driver.check(driver.eventElapsedTime(&milliseconds, variant.events[i].get(),
                                         variant.events[i + 1].get()),
                 "read the time of a step");
    addStep(profile, i,
            std::chrono::duration_cast<Profile::Clock::duration>(
                std::chrono::duration<float, std::milli>(milliseconds)));
  }
}

void CudaEntry::runStep(size_t index) {
  context.use();
  const Variant &variant = getVariant();
  program.launch(index, variant.memory, variant.most, executor.stream.get());
  wait();
}

void CudaEntry::readBuffer(size_t step, size_t buffer, uint64_t offset,
                           std::span<std::byte> bytes) const {
  context.use();
  const artifact::Buffer &place = *source.steps()
                                       ->Get(static_cast<uint32_t>(step))
                                       ->buffers()
                                       ->Get(static_cast<uint32_t>(buffer));
  if (place.region() == artifact::Region::Result && isCopied[place.index()].empty()) {
    std::memcpy(bytes.data(), results[place.index()] + place.offset() + offset, bytes.size());
    return;
  }
  driver.check(driver.copyToHost(bytes.data(), program.resolve(place, last->memory) + offset,
                                 bytes.size(), executor.stream.get()),
               "read a step's buffer");
  wait();
}

} // namespace nyala::rt::cuda
