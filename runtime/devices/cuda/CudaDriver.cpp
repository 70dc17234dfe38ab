//===- CudaDriver.cpp - The driver's functions, loaded at run time --------===//

#include "runtime/devices/cuda/CudaDriver.h"
#include "runtime/core/Status.h"

#include <cstdlib>

namespace nyala::rt::cuda {

/// Kernels are compiled for what CUDA 12.0 brought.
static constexpr int oldestVersion = 12000;
/// Graphs have edges that kernels signal since CUDA 12.3.
static constexpr int overlappingVersion = 12030;

static std::string formatVersion(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

static SharedLibrary loadDriver() {
  const char *path = std::getenv("NYALA_CUDA_DRIVER");
  std::string error;
  SharedLibrary library(path && *path ? path : "libcuda.so.1", error);
  if (!library)
    throw Failure(NYALA_UNSUPPORTED, "there is no nvidia driver: " + error);
  return library;
}

CudaDriver::CudaDriver() : library(loadDriver()) {
  const char *missing = nullptr;
#define NYALA_FIND(member, symbol, ...)                                                            \
  if (!library.find(#symbol, member))                                                              \
    missing = #symbol;
  NYALA_CUDA_FUNCTIONS(NYALA_FIND)
#undef NYALA_FIND
  const std::string update =
      "; update it to one for cuda " + formatVersion(oldestVersion) + " or newer";
  if (missing)
    throw Failure(NYALA_UNSUPPORTED,
                  std::string("the nvidia driver is too old: it has no ") + missing + update);
  int version = 0;
  if (driverGetVersion(&version) == Success && version < oldestVersion)
    throw Failure(NYALA_UNSUPPORTED, "the nvidia driver is too old: it is for cuda " +
                                         formatVersion(version) + update);
  overlaps = version >= overlappingVersion;
  const Result result = init(0);
  int count = 0;
  if (result == NoDevice || (result == Success && deviceGetCount(&count) == Success && count == 0))
    throw Failure(NYALA_UNSUPPORTED, "this machine has no nvidia gpu, or shows none to this "
                                     "process (CUDA_VISIBLE_DEVICES)");
  if (result != Success)
    throw Failure(NYALA_UNSUPPORTED, "the nvidia driver does not start: " + describe(result));
}

void CudaDriver::fail(Result result, const std::string &what) const {
  throw Failure(result == OutOfMemory ? NYALA_OUT_OF_MEMORY : NYALA_DEVICE_FAILED,
                "cannot " + what + ": " + describe(result));
}

std::string CudaDriver::describe(Result result) const {
  const char *text = nullptr;
  if (getErrorString(result, &text) == Success && text)
    return text;
  return "error " + std::to_string(result) + " of the driver";
}

std::string CudaDriver::getVersion() const {
  int version = 0;
  driverGetVersion(&version);
  return formatVersion(version);
}

} // namespace nyala::rt::cuda
