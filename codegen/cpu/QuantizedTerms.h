//===- QuantizedTerms.h - What rows add to all their products ---*- C++ -*-===//
#ifndef NYALA_CODEGEN_CPU_QUANTIZEDTERMS_H
#define NYALA_CODEGEN_CPU_QUANTIZEDTERMS_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// What depends on the sums of a row's values alone; the kernel prologue computes it, once; not for
/// prompts with products of their own (CpuTileOpInterface::getPromptBlock). For weights with minima
/// memref<rows x blocks x f32> of `sum * scale`, what minima are multiplied by; else memref<rows x
/// (blocks * parts) x i32> of `-offset * sum`, what products lack because of the offset of the
/// weights, for each part of a block (two where halves of blocks have scales).
mlir::Value getQuantizedTerms(TileEmitter &e, QuantizedLinearOp op);

/// For calls of more than kContractRows rows: memref<rows x groups x f32> of the sums of `sum *
/// scale` over groups of `groupBlocks` blocks, the same for all products of the same values.
mlir::Value getGroupTerms(TileEmitter &e, QuantizedLinearOp op, int64_t groupBlocks);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_QUANTIZEDTERMS_H
