//===- CpuProgram.h - One entry point, bound to memory ----------*- C++ -*-===//
//
// An entry's steps with every address resolved, so that running it only calls
// kernels.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_DEVICES_CPU_CPUPROGRAM_H
#define NYALA_RUNTIME_DEVICES_CPU_CPUPROGRAM_H

#include "runtime/core/Device.h"
#include "runtime/devices/cpu/CpuImage.h"
#include "runtime/devices/cpu/ThreadPool.h"

#include <atomic>
#include <span>
#include <vector>

namespace nyala::rt {

/// Scratch memory of all workers.
struct Scratch {
  std::byte *base;
  size_t stride; ///< bytes from one worker's to the next
};

/// Where a run records what its steps took.
struct CpuProfile {
  /// On cache lines of their own.
  struct alignas(64) Worker {
    Profile::Clock::duration busy;
  };
  Profile &profile;
  std::span<Worker> workers; ///< of the step that runs; one for each of the pool
};

class CpuProgram {
public:
  /// Base addresses of the regions; the lists run parallel to those of the artifact and the entry.
  struct Memory {
    std::byte *arena;
    std::span<std::byte *const> states;
    std::span<std::byte *const> arguments;
    std::span<std::byte *const> results;
  };

  CpuProgram(const Artifact &artifact, const CpuImage &image, const artifact::Entry &entry,
             const Memory &memory);

  /// Runs all steps, each divided over the pool's workers and finished before the next; steps
  /// whose count is 0 are left out. `counts` run parallel to the entry's, none above its maximum.
  /// `cancelled` (may be null) is looked at before each step: if it is set the rest is left out and
  /// false returned. `profile` (may be null) gets what each step took; it has a place for each step
  /// and worker. Does not allocate.
  bool run(ThreadPool &pool, const Scratch &scratch, std::span<const CountValue> counts,
           const std::atomic<bool> *cancelled, CpuProfile *profile) const;

  /// Runs step `index` alone.
  void runStep(size_t index, ThreadPool &pool, const Scratch &scratch,
               std::span<const CountValue> counts, CpuProfile *profile) const;
  /// Addresses of the step's buffers, in their order.
  void *const *getBuffers(size_t index) const { return buffers.data() + steps[index].firstBuffer; }

private:
  struct Step {
    nyala_kernel_fn kernel;
    size_t firstBuffer; ///< index into `buffers`
    uint32_t count;
    int64_t tiles;
    bool tilesPerRow;
  };

  std::vector<Step> steps;
  std::vector<void *> buffers;
};

/// Bytes of scratch that a worker needs for any kernel, a multiple of the page size.
size_t getScratchStride(const artifact::Executable &executable);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_CPU_CPUPROGRAM_H
