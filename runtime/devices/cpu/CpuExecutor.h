//===- CpuExecutor.h - Memory and threads of one session --------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CPU_CPUEXECUTOR_H
#define NYALA_RUNTIME_DEVICES_CPU_CPUEXECUTOR_H

#include "runtime/core/Device.h"
#include "runtime/core/Mapping.h"
#include "runtime/devices/cpu/CpuImage.h"
#include "runtime/devices/cpu/CpuProgram.h"
#include "runtime/devices/cpu/ThreadPool.h"

namespace nyala::rt {

/// States, arguments, scratch, one arena that all entries share, and the results of each; and the
/// threads that run them. The system commits pages as they are first written.
class CpuExecutor : public Executor {
public:
  /// The artifact and the image outlive it.
  CpuExecutor(const Artifact &artifact, const CpuImage &image, const ExecutorOptions &options);

  std::unique_ptr<BoundEntry> bind(std::string_view name) override;
  void readState(uint32_t index, uint64_t offset, std::span<std::byte> bytes) const override;
  void writeState(uint32_t index, uint64_t offset, std::span<const std::byte> bytes) override;
  void copyState(uint32_t index, uint64_t from, uint64_t to, uint64_t bytes) override;
  std::byte *getHostState(uint32_t index) const override { return states[index]; }

private:
  static Mapping reserve(uint64_t size, const std::string &purpose, uint64_t &counter);

  const Artifact &artifact;
  const CpuImage &image;
  ThreadPool pool;
  Mapping scratchMemory;
  Scratch scratch;
  Mapping arena;
  std::vector<Mapping> memory; ///< arguments, states and results
  std::vector<std::byte *> states;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_CPU_CPUEXECUTOR_H
