//===- AmxProduct.h - Integer products of 16 rows at once -------*- C++ -*-===//
//
// Emits products of quantized rows on AMX: 16 rows by 16 columns by 32, the sums
// of a block of the weight, from one instruction. They are the integers that
// other CPUs compute, and are scaled and added up in the same order.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_AMXPRODUCT_H
#define NYALA_CODEGEN_CPU_AMXPRODUCT_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// Rows of a tile register.
inline constexpr int64_t kAmxRows = 16;

/// Does `target` multiply tiles of bytes, and is the weight a whole number of them deep?
bool hasAmxProduct(CpuTargetAttr target, QuantizedLinearOp op);

/// The sums of a tile of kAmxRows rows (numerics.md), without the bias: row by row, vector by
/// vector.
llvm::SmallVector<mlir::Value> emitAmxProduct(TileEmitter &e, QuantizedLinearOp op,
                                              const Tile &tile);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_AMXPRODUCT_H
