//===- RowModel.h - What ops computed by rows share -------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CPU_ROWMODEL_H
#define NYALA_CODEGEN_CPU_ROWMODEL_H

#include "codegen/cpu/CpuTileModels.h"

namespace nyala::cpu {

/// Models whose results are computed by rows: a tile comes from the row in scratch.
template <typename Model, typename Op>
struct RowModel : CpuTileOpInterface::ExternalModel<Model, Op> {
  llvm::SmallVector<mlir::Value> emitTile(mlir::Operation *op, TileEmitter &e, unsigned result,
                                          const Tile &tile) const {
    e.getBuffer(op->getResult(result));
    return e.pull(op->getResult(result), tile);
  }
};

/// One vector of the operand of an op that is computed by rows: a tile of its own.
inline mlir::Value pullVector(TileEmitter &e, mlir::Value value, mlir::Value row,
                              mlir::Value column, int64_t lanes) {
  e.beginTile();
  return e.pull(value, Tile{row, 1, column, 1, lanes})[0];
}

/// The largest value of a row.
mlir::Value emitRowMaximum(TileEmitter &e, mlir::Value input, mlir::Value row);

/// 1 / sqrt(square + epsilon) of scalars.
mlir::Value emitInverseRoot(TileEmitter &e, mlir::Value square, const llvm::APFloat &epsilon);

/// Of row `row`: 1 / the root of the mean square of `width` columns from `first`.
mlir::Value emitRmsFactor(TileEmitter &e, mlir::Value input, mlir::Value row, mlir::Value first,
                          int64_t width, const llvm::APFloat &epsilon);

/// Mean of row `row`, and 1 / its standard deviation.
struct RowMoments {
  mlir::Value mean, factor;
};
RowMoments emitRowMoments(TileEmitter &e, mlir::Value input, mlir::Value row,
                          const llvm::APFloat &epsilon);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_ROWMODEL_H
