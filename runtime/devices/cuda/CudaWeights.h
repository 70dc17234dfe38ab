//===- CudaWeights.h - The weights of an artifact on a GPU ------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDAWEIGHTS_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDAWEIGHTS_H

#include "runtime/core/Artifact.h"
#include "runtime/devices/cuda/CudaContext.h"

#include <functional>
#include <vector>

namespace nyala::rt::cuda {

/// Of each weight: does an entry that `accept` takes use it?
std::vector<bool> findUsedWeights(const artifact::Artifact &program,
                                  const std::function<bool(const artifact::Entry &)> &accept);

/// Some weights as stored, in one piece of a GPU's memory.
class CudaWeights {
public:
  /// Reserves memory for the weights that are `chosen`.
  CudaWeights(const CudaContext &context, const Artifact &artifact, const std::vector<bool> &chosen,
              const char *purpose);

  uint64_t getBytes() const { return memory.size(); }
  /// Sets the addresses of its weights in a list that runs parallel to the artifact's.
  void setAddresses(std::vector<Address> &addresses) const;
  /// Copies the weights from the mapped file. `advance` is called with bytes that have been read.
  void upload(const CudaStream &stream, const std::function<void(uint64_t)> &advance) const;
  /// Sets all to zero.
  void clear(const CudaStream &stream) const;

private:
  struct Place {
    uint32_t weight;
    uint64_t offset;
  };

  const CudaContext &context;
  const Artifact &artifact;
  std::vector<Place> places; ///< ascending, as in the file
  DeviceMemory memory;
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDAWEIGHTS_H
