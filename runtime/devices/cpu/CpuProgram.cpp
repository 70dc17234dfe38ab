//===- CpuProgram.cpp - One entry point, bound to memory ------------------===//

#include "runtime/devices/cpu/CpuProgram.h"
#include "runtime/artifact_header.h"

#include <algorithm>
#include <immintrin.h>

namespace nyala::rt {
namespace {

/// Gives a thread the default floating point environment while kernels run, so that results do
/// not depend on the rounding mode or the flush-to-zero bits of the thread that calls.
class DefaultFloatingPoint {
public:
  DefaultFloatingPoint() : saved(_mm_getcsr()) { _mm_setcsr(0x1F80); }
  ~DefaultFloatingPoint() { _mm_setcsr(saved); }

private:
  unsigned saved;
};

struct Call {
  nyala_kernel_fn kernel;
  void *const *buffers;
  int64_t rows;
  Scratch scratch;
};

void callKernel(const void *context, unsigned worker, int64_t begin, int64_t end) {
  const Call &call = *static_cast<const Call *>(context);
  const DefaultFloatingPoint environment;
  call.kernel(call.buffers, call.rows, begin, end,
              call.scratch.base + worker * call.scratch.stride);
}

struct TimedCall {
  Call call;
  CpuProfile::Worker *workers;
};

void callTimedKernel(const void *context, unsigned worker, int64_t begin, int64_t end) {
  const TimedCall &timed = *static_cast<const TimedCall *>(context);
  const Profile::Clock::time_point start = Profile::Clock::now();
  callKernel(&timed.call, worker, begin, end);
  timed.workers[worker].busy += Profile::Clock::now() - start;
}

/// Runs one step and adds what it took to `step`.
void runTimed(ThreadPool &pool, const Call &call, int64_t items, uint64_t positions,
              Profile::Step &step, std::span<CpuProfile::Worker> workers) {
  std::ranges::fill(workers, CpuProfile::Worker{});
  const TimedCall timed = {call, workers.data()};
  const Profile::Clock::time_point start = Profile::Clock::now();
  pool.run(callTimedKernel, &timed, items);
  step.time += Profile::Clock::now() - start;
  for (const CpuProfile::Worker &worker : workers)
    step.busy += worker.busy;
  ++step.calls;
  step.rows += static_cast<uint64_t>(call.rows);
  step.positions += positions;
}

} // namespace

CpuProgram::CpuProgram(const Artifact &artifact, const CpuImage &image,
                       const artifact::Entry &entry, const Memory &memory) {
  const auto resolve = [&](const artifact::Buffer &buffer) -> const std::byte * {
    switch (buffer.region()) {
    case artifact::Region::Arena:
      return memory.arena;
    case artifact::Region::Weight:
      return artifact.weight(buffer.index());
    case artifact::Region::State:
      return memory.states[buffer.index()];
    case artifact::Region::Argument:
      return memory.arguments[buffer.index()];
    case artifact::Region::Result:
      return memory.results[buffer.index()];
    }
    __builtin_unreachable(); // checkStructure() accepts no other
  };
  steps.reserve(entry.steps()->size());
  for (const artifact::Step *step : *entry.steps()) {
    const artifact::Kernel &kernel = *image.getExecutable().kernels()->Get(step->kernel());
    steps.push_back({image.kernel(step->kernel()), buffers.size(), step->rows(),
                     static_cast<int64_t>(kernel.tiles()), kernel.tiles_per_row()});
    // The ABI has one type for operands and results; kernels do not write to weights.
    for (const artifact::Buffer *buffer : *step->buffers())
      buffers.push_back(const_cast<std::byte *>(resolve(*buffer) + buffer->offset()));
  }
}

bool CpuProgram::run(ThreadPool &pool, const Scratch &scratch, std::span<const CountValue> counts,
                     const std::atomic<bool> *cancelled, CpuProfile *profile) const {
  for (size_t i = 0; i < steps.size(); ++i) {
    if (cancelled && cancelled->load(std::memory_order_relaxed))
      return false;
    runStep(i, pool, scratch, counts, profile);
  }
  return true;
}

void CpuProgram::runStep(size_t index, ThreadPool &pool, const Scratch &scratch,
                         std::span<const CountValue> counts, CpuProfile *profile) const {
  const Step &step = steps[index];
  const CountValue &count = counts[step.count];
  if (count.rows == 0)
    return;
  const Call call = {step.kernel, getBuffers(index), count.rows, scratch};
  const int64_t items = step.tilesPerRow ? step.tiles * count.rows : step.tiles;
  if (profile)
    runTimed(pool, call, items, count.positions, profile->profile.steps[index], profile->workers);
  else
    pool.run(callKernel, &call, items);
}

size_t getScratchStride(const artifact::Executable &executable) {
  uint64_t bytes = 1;
  for (const artifact::Kernel *kernel : *executable.kernels())
    bytes = std::max(bytes, kernel->scratch_bytes());
  return (bytes + NYALA_ARTIFACT_PAGE - 1) / NYALA_ARTIFACT_PAGE * NYALA_ARTIFACT_PAGE;
}

} // namespace nyala::rt
