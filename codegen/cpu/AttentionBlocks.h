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
#include "codegen/cpu/SlotAccess.h"
#include "codegen/cpu/TileProduct.h"

namespace nyala::cpu {

/// Channels of a head in scratch: whole vectors, of pairs as well.
inline int64_t padChannels(int64_t channels) { return llvm::alignTo(channels, 2 * kLanes); }

/// May products of `op` have factors of bf16, and does `target` multiply them?
bool roundsToBf16(CpuTargetAttr target, AttentionOp op);

/// What a unit of work over a cache is computed from: consecutive positions of one sequence, for
/// the query heads of a key-value head.
struct AttentionUnit {
  mlir::Value firstRow, count, kvHead;
  mlir::Value sequence, position; ///< of the first row
  mlir::Value end;                ///< one past the last row's position
};

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

  /// i1: are rows [first, first + count) consecutive positions of one sequence?
  mlir::Value areConsecutive(AttentionOp op, mlir::Value first, mlir::Value count);
  AttentionUnit makeUnit(AttentionOp op, mlir::Value first, mlir::Value count, mlir::Value kvHead);
  /// The vectors of one head of a slot, padded with zeros to padChannels().
  llvm::SmallVector<mlir::Value> loadSlot(SlotReader &cache, int64_t channels,
                                          const AttentionUnit &unit, mlir::Value slot,
                                          mlir::Value column);

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

  /// Calls `body(first, count)` for the `group` query heads of a key-value head, `most` at a time:
  /// a loop, and the rest.
  void forHeads(mlir::Value kvHead, int64_t group, int64_t most,
                llvm::function_ref<void(mlir::Value, int64_t)> body);
  /// i1: does one of `rows` rows, the first at `position`, attend to one of `positions` positions
  /// from `block`?
  mlir::Value seesBlock(mlir::Value position, int64_t rows, mlir::Value block, int64_t positions);
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
