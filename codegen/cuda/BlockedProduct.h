//===- BlockedProduct.h - Kernels around a product of many rows -*- C++ -*-===//
//
// Prompts are bound by arithmetic: a block computes 128 rows by 128 columns of a product
// of bf16, which its warps divide into 64 by 32. Factors come through shared memory by
// steps of the depth, the next one while tensor cores multiply one. Blocks of the same
// columns run one after the other, so that weights are read from memory once.
//
// The library's product can stand in for such a kernel that does nothing else
// (#nyala.matmul_call).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_BLOCKEDPRODUCT_H
#define NYALA_CODEGEN_CUDA_BLOCKEDPRODUCT_H

#include "codegen/cuda/CudaTileModels.h"

namespace nyala::cuda {

/// Can a kernel around `op` be computed so? Factors are bf16, rows of the first computed from the
/// same rows of what lies in memory, column by column; nothing is appended to a cache in blocks.
bool canBlockProduct(KernelOp kernel, LinearOp op);

/// Emits the kernel around `op`.
Launch emitBlockedProductKernel(KernelContext &kernel, LinearOp op);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_BLOCKEDPRODUCT_H
