//===- RoundedProduct.h - Products of prompts in bf16 -----------*- C++ -*-===//
//
// Calls of more than kContractRows rows need not agree with others bit by bit.
// On AMX they multiply tiles of bf16, whose sums stay in tile registers for the
// whole depth: several times what integers allow, whose every block is scaled.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_ROUNDEDPRODUCT_H
#define NYALA_CODEGEN_CPU_ROUNDEDPRODUCT_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// Rows of a block: two tile registers.
inline constexpr int64_t kRoundedRows = 32;

/// Does `target` multiply tiles of bf16?
bool hasRoundedProduct(CpuTargetAttr target);

/// The sums of a tile of rows of the block that the emitter is in (TileEmitter::inRowBlock),
/// without the bias: row by row, vector by vector. Weights and activations, `scale * integer`, are
/// rounded to bf16, products are added in f32.
llvm::SmallVector<mlir::Value> emitRoundedProduct(TileEmitter &e, QuantizedLinearOp op,
                                                  const Tile &tile);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_ROUNDEDPRODUCT_H
