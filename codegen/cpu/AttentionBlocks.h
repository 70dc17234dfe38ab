//===- AttentionBlocks.h - Blocks of rows and positions ---------*- C++ -*-===//
//
// What attention is made of where many rows are computed together: keys
// transposed in scratch, so that scores of 16 positions are one vector, and
// products of blocks of rows and positions.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_ATTENTIONBLOCKS_H
#define NYALA_CODEGEN_CPU_ATTENTIONBLOCKS_H

#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/TileProduct.h"

namespace nyala::cpu {

class AttentionBlockEmitter {
public:
  AttentionBlockEmitter(TileEmitter &e, ProductTile tile, MaskAttr mask)
      : e(e), tile(tile), window(mask.getWindow()) {}

  int64_t getPanelColumns() const { return tile.vectors * kLanes; }

  mlir::Value add(mlir::Value l, mlir::Value r);
  mlir::Value add(mlir::Value l, int64_t r);
  mlir::Value mul(mlir::Value l, int64_t r);
  mlir::Value minimum(mlir::Value l, mlir::Value r);
  /// The largest multiple of `unit` that is not above l ≥ 0.
  mlir::Value floor(mlir::Value l, int64_t unit);
  mlir::Value ceil(mlir::Value l, int64_t unit);

  /// Scratch of f32, rows by whole vectors of channels.
  mlir::Value allocateRows(int64_t rows, int64_t dims);
  /// The tile of destination at row `to` and `column` = left[row..] · panels, at the panel of
  /// position `position`: sums of `steps` products. Elements of i32 are pairs of bf16.
  void emitScores(mlir::Value left, mlir::Value row, mlir::Value panels, mlir::Value position,
                  int64_t steps, mlir::Value destination, mlir::Value to, mlir::Value column);
  /// A tile of sums in scratch, whole vectors.
  void storeTile(mlir::ValueRange sums, mlir::Value destination, const Tile &at);
  llvm::SmallVector<mlir::Value> loadTile(mlir::Value source, const Tile &at);
  /// Calls `body` for tiles of `dims` channels of rows from `row`: a loop, and a tail.
  void forChannels(mlir::Value row, int64_t dims, llvm::function_ref<void(const Tile &)> body);

  /// Does the row at position `row` attend to positions [position, position + 16)? A mask.
  mlir::Value emitMask(mlir::Value row, mlir::Value position);
  /// The first position that the row at position `row` attends to.
  mlir::Value getFirstPosition(mlir::Value row);

  TileEmitter &e;
  const ProductTile tile;
  const int64_t window;
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_ATTENTIONBLOCKS_H
