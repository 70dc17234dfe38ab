//===- RescaledProduct.h - Products of prompts in bytes ---------*- C++ -*-===//
//
// Calls of more than kContractRows rows need not agree with others bit by bit.
// With AVX-512 VNNI they multiply bytes that have one scale for many blocks of
// a weight's columns: beside the dot products of a block there is one fused
// operation, where scales and minima of blocks take three.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_RESCALEDPRODUCT_H
#define NYALA_CODEGEN_CPU_RESCALEDPRODUCT_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// Rows of a block: with two vectors of columns as many sums, in integers and in floats, as
/// registers hold.
inline constexpr int64_t kRescaledRows = 6;

/// Is this how `target` multiplies prompts by op's weight? Only weights of up to 5 bits, whose
/// steps are several times those of the bytes.
bool hasRescaledProduct(CpuTargetAttr target, QuantizedLinearOp op);

/// The sums of a tile of rows of the block that the emitter is in (TileEmitter::inRowBlock),
/// without the bias: row by row, vector by vector. Of each row of the weight, groups of up to 288
/// columns are rounded to 256 steps from the group's lowest to its highest value. Integer products
/// of 32 columns are exact; they are scaled and added up in f32, in ascending order.
llvm::SmallVector<mlir::Value> emitRescaledProduct(TileEmitter &e, QuantizedLinearOp op,
                                                   const Tile &tile);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_RESCALEDPRODUCT_H
