//===- PtxCompiler.h - GPU kernels to PTX and machine code ------*- C++ -*-===//
//
// LLVM compiles the kernels of a variant to PTX, the text that NVIDIA's drivers
// take; ptxas assembles that for the variant's architecture. Nothing is linked:
// what a kernel calls must be an instruction.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_PTXCOMPILER_H
#define NYALA_CODEGEN_CUDA_PTXCOMPILER_H

#include "codegen/CodeImage.h"
#include "codegen/cuda/Ptxas.h"

#include "mlir/IR/BuiltinOps.h"

namespace nyala::cuda {

/// Compiles the variants for GPUs of a module of the phase `program` (ir/Variants.h). Returns the
/// cubin of each, unless `ptxas` is absent, then the PTX of each, which ends in a NUL; kernels in
/// the order of the variant. None if there is no such variant. Emits errors on the variant, and
/// remarks of `nyala-compile-ptx` on the kernels: registers, and where some did not suffice.
mlir::FailureOr<std::vector<CodeImage>> compileKernels(mlir::ModuleOp module,
                                                       const std::optional<Ptxas> &ptxas);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PTXCOMPILER_H
