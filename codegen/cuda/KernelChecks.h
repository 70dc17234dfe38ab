//===- KernelChecks.h - What a GPU kernel can be ----------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CUDA_KERNELCHECKS_H
#define NYALA_CODEGEN_CUDA_KERNELCHECKS_H

#include "ir/NyalaOps.h"

namespace nyala::cuda {

/// Emits an error and fails where the types, ops or ties of `kernel` are none that code can be
/// generated for on `target`.
mlir::LogicalResult checkKernel(KernelOp kernel, CudaTargetAttr target);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_KERNELCHECKS_H
