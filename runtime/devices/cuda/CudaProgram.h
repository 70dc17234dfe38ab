//===- CudaProgram.h - One entry point as launches of kernels ---*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDAPROGRAM_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDAPROGRAM_H

#include "runtime/devices/cuda/CublasLt.h"
#include "runtime/devices/cuda/CudaModule.h"

#include <span>
#include <vector>

namespace nyala::rt::cuda {

/// What the steps of an entry work on: addresses on the GPU. Lists run parallel to those of the
/// artifact and the entry.
struct CudaMemory {
  Address arena = 0, workspace = 0;
  Address libraryWorkspace = 0; ///< CublasLt::workspaceBytes
  std::span<const Address> weights, states;
  std::vector<Address> arguments, results;
  Address counts = 0; ///< i32, one for each count of the entry
};

class CudaProgram {
public:
  /// `library` may be null: kernels alone. It and the module outlive the program.
  CudaProgram(const CudaModule &module, const artifact::Entry &entry, CublasLt *library)
      : module(module), entry(entry), library(library) {}

  /// Shared memory and first-level cache are one memory, and a kernel that needs it divided in
  /// another way waits for what runs to end: makes the kernels that overlap ask for the same
  /// division, the one with the most cache. Loads them.
  void unifySharedMemory() const;
  /// Launches step `index` for calls of up to as many rows as `most` says of each count; nothing if
  /// that is 0. Kernels read the number itself from device memory. Throws, naming step and kernel.
  /// \param behindKernel is the last work of the stream one of these kernels? One that overlaps may
  ///                     then begin before that has ended. Returns what holds afterwards.
  bool launch(size_t index, const CudaMemory &memory, std::span<const uint32_t> most, Stream stream,
              bool behindKernel = false) const;
  void launchAll(const CudaMemory &memory, std::span<const uint32_t> most, Stream stream) const;
  /// Address of a buffer.
  Address resolve(const artifact::Buffer &buffer, const CudaMemory &memory) const;
  /// "step 12 of decode, kernel linear_576x960"
  std::string describe(size_t index) const;

private:
  /// Null: the kernel's own code runs.
  const artifact::MatmulCall *findLibraryCall(const artifact::Kernel &kernel, uint32_t rows) const;

  const CudaModule &module;
  const artifact::Entry &entry;
  CublasLt *library;
};

/// Bytes of workspace that the kernels of a module share.
uint64_t getWorkspaceBytes(const artifact::Executable &executable);

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDAPROGRAM_H
