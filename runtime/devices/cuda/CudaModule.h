//===- CudaModule.h - The code of an artifact on a GPU ----------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDAMODULE_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDAMODULE_H

#include "runtime/core/Artifact.h"
#include "runtime/devices/cuda/CudaContext.h"

#include <vector>

namespace nyala::rt::cuda {

/// The executable of an artifact that suits a GPU best, loaded.
class CudaModule {
public:
  /// Takes a cubin for the GPU itself, else one that it runs as well, else PTX, the newest first,
  /// that the driver takes. NYALA_UNSUPPORTED, saying what the artifact has and what the GPU is, if
  /// there is none. The context and the artifact outlive the module.
  CudaModule(const CudaContext &context, const Artifact &artifact);
  /// That executable, whose code is `code`. NYALA_UNSUPPORTED if the driver does not take it. The
  /// context and the executable outlive the module.
  CudaModule(const CudaContext &context, const artifact::Executable &executable,
             std::span<const std::byte> code);
  ~CudaModule();
  CudaModule(const CudaModule &) = delete;
  CudaModule &operator=(const CudaModule &) = delete;

  const CudaContext &getContext() const { return context; }
  const artifact::Executable &getExecutable() const { return *executable; }
  const artifact::Kernel &getKernel(uint32_t index) const {
    return *executable->kernels()->Get(index);
  }
  Function getFunction(uint32_t index) const { return functions[index]; }

private:
  /// Why the driver did not take it; empty if it did, and all kernels are found.
  std::string load(const artifact::Executable &candidate, std::span<const std::byte> code);
  void unload();
  void findFunctions();

  const CudaContext &context;
  const artifact::Executable *executable = nullptr;
  Module module = nullptr;
  std::vector<Function> functions; ///< run parallel to the executable's kernels
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDAMODULE_H
