//===- Ptxas.h - NVIDIA's assembler of PTX ----------------------*- C++ -*-===//
//
// ptxas turns PTX into the machine code of one architecture. It is a program of
// the CUDA toolkit, also in the PyPI package nvidia-cuda-nvcc, and runs as a child
// process on temporary files.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_PTXAS_H
#define NYALA_CODEGEN_CUDA_PTXAS_H

#include "ir/NyalaAttrs.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/VersionTuple.h"

#include <map>

namespace nyala::cuda {

struct Ptxas {
  std::string path;
  llvm::VersionTuple version; ///< of its toolkit
};

/// The ptxas at `path`; of an empty path the first of: CUDA_HOME and CUDA_PATH, PATH, the active
/// Python's package nvidia-cuda-nvcc (VIRTUAL_ENV, then python3 on PATH), /usr/local/cuda. Fails
/// with `error` if there is none, or it is too old for one of the targets (those of GPUs among
/// them).
mlir::FailureOr<Ptxas> findPtxas(llvm::StringRef path, mlir::ArrayAttr targets, std::string &error);

/// What one kernel takes of a multiprocessor, as ptxas says.
struct KernelResources {
  unsigned registers = 0;                           ///< of a thread
  unsigned spillStoreBytes = 0, spillLoadBytes = 0; ///< of a thread, in local memory
};

struct Assembly {
  llvm::SmallVector<char, 0> cubin;
  std::map<std::string, KernelResources> kernels; ///< by name
  std::string warnings;                           ///< lines; empty: none
};

/// Assembles PTX for an architecture ("sm_90a"). Fails with `error`, in which are ptxas's own
/// diagnostics. No file is left behind, also not by an interrupt.
mlir::FailureOr<Assembly> assemble(const Ptxas &ptxas, llvm::StringRef ptx, llvm::StringRef arch,
                                   std::string &error);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PTXAS_H
