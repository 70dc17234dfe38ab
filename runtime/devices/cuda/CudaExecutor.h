//===- CudaExecutor.h - Memory of one session on a GPU ----------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDAEXECUTOR_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDAEXECUTOR_H

#include "runtime/core/Mapping.h"
#include "runtime/devices/cuda/CudaDevice.h"

namespace nyala::rt::cuda {

/// States, arena, workspace and results on the GPU, and in host memory the arguments and what is
/// copied to and from them. All that an executor does is in one stream.
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
  /// Memory of the host; its first part, which most runs need alone, is made known to the GPU.
  std::byte *reserveResult(uint64_t bytes, const std::string &purpose);
  /// Are the first `bytes` of memory of reserveResult() known to the GPU?
  bool isKnown(const std::byte *memory, uint64_t bytes) const;
  /// Copies to memory of reserveResult().
  void copyResult(std::byte *to, Address from, uint64_t bytes) const;

  const CudaDevice &device;
  const CudaContext &context;
  CudaStream stream;
  bool stepwise; ///< NYALA_CUDA_DEBUG: each step is waited for
  DeviceMemory stateMemory, arena, workspace, libraryWorkspace, results, parameters;
  std::vector<Address> states; ///< run parallel to the artifact's
  PinnedMemory hostParameters;
  std::vector<Mapping> hostMemory;
  std::vector<std::byte *> registered; ///< what is made known, to be taken back
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDAEXECUTOR_H
