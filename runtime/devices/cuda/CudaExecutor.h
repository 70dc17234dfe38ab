//===- CudaExecutor.h - Memory of one session on a GPU ----------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDAEXECUTOR_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDAEXECUTOR_H

#include "runtime/core/Mapping.h"
#include "runtime/devices/cuda/CudaDevice.h"

namespace nyala::rt::cuda {

/// States, arena, workspace and results on the GPU, and in host memory the arguments, the results
/// that are small and those that are asked for. All that an executor does is in one stream.
class CudaExecutor : public Executor {
public:
  CudaExecutor(const CudaDevice &device, const ExecutorOptions &options);
  ~CudaExecutor() override;

  std::unique_ptr<BoundEntry> bind(std::string_view name) override;
  void readState(uint32_t index, uint64_t offset, std::span<std::byte> bytes) const override;
  void writeState(uint32_t index, uint64_t offset, std::span<const std::byte> bytes) override;
  void copyState(uint32_t index, uint64_t from, uint64_t to, uint64_t bytes) override;
  std::byte *getHostState(uint32_t) const override { return nullptr; }

private:
  friend class CudaEntry;

  void placeStates(const ExecutorOptions &options);
  /// Has it so few bytes a row (the largest logits) that kernels write it to host memory
  /// themselves? No copy is as fast. Others stay on the GPU until they are asked for.
  static bool isSmall(const artifact::Result &result) { return result.row_bytes() <= 1024; }
  /// Bytes of an entry's small results, or of its others.
  static uint64_t getResultBytes(const artifact::Entry &entry, bool small);
  /// Copies bytes of `results` to the same place of `hostResults`, and waits.
  void fetchResults(uint64_t offset, uint64_t bytes);

  const CudaDevice &device;
  const CudaContext &context;
  CudaStream stream;
  bool stepwise; ///< NYALA_CUDA_DEBUG: each step is waited for
  DeviceMemory stateMemory, arena, workspace, libraryWorkspace, results, parameters;
  std::vector<Address> states; ///< run parallel to the artifact's
  PinnedMemory hostParameters;
  PinnedMemory smallResults;
  Mapping hostResults;
  bool isRegistered = false; ///< has the beginning of hostResults been made known to the GPU?
  std::vector<Mapping> hostMemory;
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDAEXECUTOR_H
