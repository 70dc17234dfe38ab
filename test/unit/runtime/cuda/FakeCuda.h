//===- FakeCuda.h - A driver of GPUs that are none --------------*- C++ -*-===//
//
// A shared library with the part of the driver API that the runtime calls, and
// of cuBLASLt's. Device memory is host memory, work is done when it is put
// into a stream, and the kernels are those of ToyKernels.h by their names. It
// records what it is asked for. NYALA_CUDA_DRIVER and NYALA_CUBLASLT name it.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_RUNTIME_CUDA_FAKECUDA_H
#define NYALA_TEST_UNIT_RUNTIME_CUDA_FAKECUDA_H

#include "runtime/devices/cuda/CudaApi.h"

#include <map>
#include <string>
#include <vector>

namespace nyala::test {

struct FakeCuda {
  // What it plays.
  int version = 13000;
  rt::cuda::Result start = rt::cuda::Success; ///< of cuInit
  int gpus = 2;
  int major = 9, minor = 0;
  rt::cuda::Result cubins = rt::cuda::Success, ptx = rt::cuda::Success; ///< of loading one
  uint64_t memory = uint64_t(1) << 32;
  std::string broken; ///< the kernel that accesses illegal memory

  // What it was asked for.
  std::vector<std::string> launches; ///< "append 1x2x1 of 32, early", grid and threads
  int captures = 0, graphLaunches = 0, products = 0;
  std::map<rt::cuda::Address, uint64_t> allocations; ///< that live, with their bytes
  std::map<rt::cuda::Address, uint64_t> pinned;      ///< memory of the host, likewise
  uint64_t copiedToHost = 0;                         ///< bytes
  int objects = 0;                                   ///< streams, events, graphs, … that live
  bool failed = false;                               ///< nothing works any more

  uint64_t getUsed() const;
};

/// The one that the library plays from now on.
__attribute__((visibility("default"))) FakeCuda &getFakeCuda();

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_RUNTIME_CUDA_FAKECUDA_H
