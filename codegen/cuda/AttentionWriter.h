//===- AttentionWriter.h - What both ways of attention share ----*- C++ -*-===//
#ifndef NYALA_CODEGEN_CUDA_ATTENTIONWRITER_H
#define NYALA_CODEGEN_CUDA_ATTENTIONWRITER_H

#include "codegen/cuda/ThreadEmitter.h"

namespace nyala::cuda {

/// Takes a tile of the result, to be stored where the condition (i1; null: everywhere) holds.
using AttentionWriter = llvm::function_ref<void(
    const Tile &tile, llvm::ArrayRef<mlir::Value> elements, mlir::Value condition)>;

/// Maxima of nothing: below all scores, and no infinity, so that differences are numbers.
inline constexpr double kNoMaximum = -1.0e30;

/// The scale of scores whose softmax is computed with powers of two.
double getBinaryScale(AttentionOp op);
/// 2^x by the instruction: relative error below 2^-22; numbers below 2^-126 are 0.
mlir::Value exp2(ThreadEmitter &e, mlir::Value x);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_ATTENTIONWRITER_H
