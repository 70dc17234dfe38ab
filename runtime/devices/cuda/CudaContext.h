//===- CudaContext.h - A GPU, ready for work --------------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDACONTEXT_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDACONTEXT_H

#include "runtime/devices/cuda/CudaDriver.h"

#include <memory>

namespace nyala::rt::cuda {

/// The primary context of a GPU, which libraries such as cuBLASLt use as well.
class CudaContext {
public:
  /// NYALA_UNSUPPORTED if there is no driver or no such GPU.
  explicit CudaContext(uint32_t gpu);
  ~CudaContext();
  CudaContext(const CudaContext &) = delete;
  CudaContext &operator=(const CudaContext &) = delete;

  const CudaDriver &getDriver() const { return driver; }
  /// "cuda:0"
  const std::string &getName() const { return name; }
  /// "NVIDIA H100 80GB HBM3"
  const std::string &getProduct() const { return product; }
  int getMajor() const { return major; }
  int getMinor() const { return minor; }
  /// Shared memory of a multiprocessor.
  int getSharedBytes() const { return sharedBytes; }
  /// Makes calls of this thread work on this GPU. Before any call that needs a context.
  void use() const { driver.check(tryUse(), "use the gpu"); }
  /// For destructors: what is left of a GPU that failed cannot be given back anyway.
  Result tryUse() const noexcept { return driver.ctxSetCurrent(context); }

private:
  CudaDriver driver;
  Gpu gpu;
  std::string name, product;
  int major = 0, minor = 0, sharedBytes = 0;
  Context context = nullptr;
};

/// `bytes` up to the next place where a buffer may begin: what the driver aligns memory to.
inline uint64_t alignAddress(uint64_t bytes) {
  constexpr uint64_t alignment = 256;
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Memory of a GPU. Move only.
class DeviceMemory {
public:
  DeviceMemory() = default;
  /// `purpose` names it in the error: "the kv cache". NYALA_OUT_OF_MEMORY.
  DeviceMemory(const CudaContext &context, uint64_t bytes, const std::string &purpose);
  DeviceMemory(DeviceMemory &&other) noexcept { *this = std::move(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept;
  ~DeviceMemory() { free(); }

  Address get() const { return address; }
  uint64_t size() const { return bytes; }

private:
  void free();

  const CudaContext *context = nullptr;
  Address address = 0;
  uint64_t bytes = 0;
};

/// Memory of the host that a GPU copies from and to by itself.
class PinnedMemory {
public:
  PinnedMemory(const CudaContext &context, uint64_t bytes);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory &) = delete;
  PinnedMemory &operator=(const PinnedMemory &) = delete;

  std::byte *data() const { return memory; }

private:
  const CudaContext &context;
  std::byte *memory = nullptr;
};

class CudaEvent {
public:
  CudaEvent(const CudaContext &context, unsigned flags);
  CudaEvent(CudaEvent &&other) noexcept;
  ~CudaEvent();
  CudaEvent &operator=(CudaEvent &&) = delete;

  Event get() const { return event; }

private:
  const CudaContext *context;
  Event event = nullptr;
};

/// Work in order.
class CudaStream {
public:
  explicit CudaStream(const CudaContext &context);
  ~CudaStream();
  CudaStream(const CudaStream &) = delete;
  CudaStream &operator=(const CudaStream &) = delete;

  Stream get() const { return stream; }
  /// Waits for all work: looks for its end for some milliseconds, because most programs are done
  /// by then, then sleeps. Returns what the driver says of the work.
  Result wait() const;

private:
  const CudaContext &context;
  Stream stream = nullptr;
  CudaEvent done;
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDACONTEXT_H
