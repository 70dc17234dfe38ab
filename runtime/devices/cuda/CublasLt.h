//===- CublasLt.h - A library's matrix products -----------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUBLASLT_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUBLASLT_H

#include "runtime/core/Artifact.h"
#include "runtime/devices/cuda/CudaApi.h"

#include <memory>
#include <mutex>
#include <span>

namespace nyala::rt::cuda {

/// cuBLASLt, loaded when a product first asks for it. For any thread.
class CublasLt {
public:
  /// Bytes of workspace that multiply() takes.
  static constexpr uint64_t workspaceBytes = uint64_t(32) << 20;

  CublasLt();
  ~CublasLt();

  /// Makes sure that multiply() need not load or choose anything for this product, so that it may
  /// be called while a stream is captured. Returns false if there is no library, or none of its
  /// algorithms does: the caller's kernel is to run then. The environment variable NYALA_CUBLASLT
  /// names the library's file, or "none"; without it that of CUDA 13 or 12 is taken if the system
  /// finds it. NYALA_UNSUPPORTED if it names one that cannot be loaded.
  bool prepare(const artifact::MatmulCall &call, uint32_t rows);
  /// Puts the product of `rows` rows into the stream. `buffers` are the step's. What prepare() said
  /// false to must not come here.
  void multiply(const artifact::MatmulCall &call, std::span<const Address> buffers, uint32_t rows,
                Address workspace, Stream stream);

private:
  class Library;
  struct Product;

  /// Null: there is none.
  Product *find(const artifact::MatmulCall &call, uint32_t rows);

  std::mutex mutex;
  bool loaded = false;
  std::unique_ptr<Library> library; ///< null: none
  std::vector<std::unique_ptr<Product>> products;
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUBLASLT_H
