//===- TileProduct.h - Small products in registers --------------*- C++ -*-===//
//
// What attention among the rows of a batch is made of: products of matrices in
// scratch, whole tiles of which are added up in registers.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_TILEPRODUCT_H
#define NYALA_CODEGEN_CPU_TILEPRODUCT_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// Sums of a product that registers hold: rows by vectors of columns.
struct ProductTile {
  int64_t rows, vectors;
};
ProductTile getProductTile(CpuTargetAttr target);

/// sum + x * y of vectors of f32; of pairs of bf16 in i32, sum + x0 * y0 + x1 * y1 in f32, which
/// only the feature avx512bf16 has.
mlir::Value multiplyAdd(TileEmitter &e, mlir::Value x, mlir::Value y, mlir::Value sum);
/// 32 numbers of bf16: those of two vectors of f32, rounded to nearest even.
mlir::Value roundToBf16(TileEmitter &e, mlir::Value low, mlir::Value high);
/// Of 32 numbers, lane i of the first 16 beside lane i of the last 16.
mlir::Value interleavePairs(TileEmitter &e, mlir::Value numbers);

/// sums[i, v] + sum over k in [begin, end), ascending, of left(i, k) * right(k, v): the sums, row
/// by row. `left` gives scalars, `right` vectors; products are those of multiplyAdd().
llvm::SmallVector<mlir::Value>
emitTileProduct(TileEmitter &e, ProductTile tile, mlir::ValueRange sums, mlir::Value begin,
                mlir::Value end, llvm::function_ref<mlir::Value(int64_t, mlir::Value)> left,
                llvm::function_ref<mlir::Value(mlir::Value, int64_t)> right);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_TILEPRODUCT_H
