//===- CudaDriver.h - The driver's functions, loaded at run time -*- C++ -*-==//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDADRIVER_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDADRIVER_H

#include "runtime/core/SharedLibrary.h"
#include "runtime/devices/cuda/CudaApi.h"

#include <string>

namespace nyala::rt::cuda {

/// libcuda.so.1, which comes with the driver, started. The environment variable NYALA_CUDA_DRIVER
/// names another file.
class CudaDriver {
public:
  /// NYALA_UNSUPPORTED, saying what is missing: the library, a newer driver, a GPU.
  CudaDriver();

#define NYALA_MEMBER(member, symbol, ...) Result (*member)(__VA_ARGS__);
  NYALA_CUDA_FUNCTIONS(NYALA_MEMBER)
#undef NYALA_MEMBER

  /// Throws if a call failed: NYALA_OUT_OF_MEMORY if the GPU has no memory left, else
  /// NYALA_DEVICE_FAILED. `what` was to be done: "cannot WHAT: REASON".
  void check(Result result, const char *what) const {
    if (result != Success)
      fail(result, what);
  }
  [[noreturn]] void fail(Result result, const std::string &what) const;
  /// What the driver says of a result: "an illegal memory access was encountered".
  std::string describe(Result result) const;
  /// "13.0"
  std::string getVersion() const;
  /// Does it capture kernels that begin before those before them have ended?
  bool canOverlap() const { return overlaps; }

private:
  SharedLibrary library;
  bool overlaps = false;
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDADRIVER_H
