//===- CudaTarget.h - GPU architectures by name -----------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CUDA_CUDATARGET_H
#define NYALA_CODEGEN_CUDA_CUDATARGET_H

#include "ir/NyalaAttrs.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/VersionTuple.h"

namespace nyala::cuda {

/// The targets of `--cuda-arch=list`: names separated by commas ("sm_80,sm_90a"). Newer ones come
/// first, and of one compute capability the one that ends in `a`, so that a runtime which takes the
/// first that fits takes the best. Fails with `error` for a name that is no architecture which
/// kernels can be generated for (sm_80 and newer: products of bf16), and for one that is there
/// twice.
mlir::FailureOr<mlir::ArrayAttr> getCudaTargets(mlir::MLIRContext *context, llvm::StringRef list,
                                                std::string &error);

/// The version of PTX that its code is written in, as LLVM counts (80 is 8.0): the lowest that has
/// the architecture and the instructions of kernels, because drivers compile no newer PTX than they
/// know. 0 for a name that `getCudaTargets` refuses.
unsigned getPtxVersion(CudaTargetAttr target);

/// The CUDA toolkit whose ptxas is the first to know that version of PTX.
llvm::VersionTuple getToolkitVersion(CudaTargetAttr target);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_CUDATARGET_H
