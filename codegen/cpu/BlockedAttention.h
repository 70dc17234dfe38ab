//===- BlockedAttention.h - Attention over caches by blocks -----*- C++ -*-===//
//
// The schedule of many rows, consecutive positions of one sequence: of a
// prompt. For a block of rows and the query heads of a key-value head:
//
//   for blocks of positions:  keys transposed, values widened, in scratch
//     for tiles of rows:      scores = queries · keys
//                             probabilities, with a running maximum
//                             weighted = weighted * correction + probabilities · values
//
// Positions that no row of a tile attends to are passed over. With avx512bf16,
// or tile registers for it, the factors of both products are rounded to bf16,
// unless the caches hold f32; sums and the softmax are f32.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_BLOCKEDATTENTION_H
#define NYALA_CODEGEN_CPU_BLOCKEDATTENTION_H

#include "codegen/cpu/AttentionBlocks.h"
#include "codegen/cpu/SlotAccess.h"

namespace nyala::cpu {

class BlockedAttentionEmitter : AttentionBlockEmitter {
public:
  /// Rows of a unit of work.
  static constexpr int64_t kRows = 32;

  BlockedAttentionEmitter(TileEmitter &e, AttentionOp op);

  /// i1: are rows [first, first + count) consecutive positions of one sequence?
  mlir::Value areConsecutive(mlir::Value first, mlir::Value count);
  /// Those rows, at most kRows, for the query heads of key-value head `kvHead`.
  void emit(mlir::Value first, mlir::Value count, mlir::Value kvHead, mlir::Value destination);

private:
  /// Positions of a block.
  static constexpr int64_t kPositions = 64;
  /// Query heads that share a block's keys while those are in the near caches.
  static constexpr int64_t kHeads = 4;

  /// What a unit of work, or some of its heads, are computed from.
  struct Unit {
    mlir::Value firstRow, count, kvHead;
    mlir::Value sequence, position; ///< of the first row
    mlir::Value end;                ///< one past the last row's position
  };

  /// A factor of a product in scratch. Of bf16, 32 bits are a pair of numbers, one step.
  struct Factor {
    mlir::Value steps;   ///< memref of f32, or of pairs: i32
    mlir::Value numbers; ///< the same memory as bf16, for tile registers; else null
  };

  /// Steps of a product over `count` numbers, one or a pair each.
  int64_t getSteps(int64_t count) const { return isPaired ? llvm::divideCeil(count, 2) : count; }
  Factor allocateFactor(llvm::ArrayRef<int64_t> shape);
  /// A factor's two neighbouring vectors, as one vector of pairs or as two.
  void storeFactor(mlir::Value low, mlir::Value high, const Factor &destination, mlir::Value row,
                   mlir::Value column);

  void emitHeads(const Unit &unit, mlir::Value firstHead, int64_t heads, mlir::Value destination);
  void loadQueries(const Unit &unit, mlir::Value head, mlir::Value row);
  void packKeys(const Unit &unit, mlir::Value block);
  void packValues(const Unit &unit, mlir::Value block);
  llvm::SmallVector<mlir::Value> loadSlot(SlotReader &cache, int64_t channels, const Unit &unit,
                                          mlir::Value slot, mlir::Value column);
  void emitTile(mlir::Value row, mlir::Value position, mlir::Value block);
  void emitTileScores(mlir::Value row, mlir::Value column);
  void emitWeighted(mlir::Value row, mlir::Value positions);
  void emitTileWeighted(mlir::Value row);
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>>
  loadScores(mlir::Value inTile, mlir::Value position, mlir::Value block);
  void emitMaxima(mlir::Value row, mlir::Value position, mlir::Value block);
  void emitSoftmax(mlir::Value row, mlir::Value inTile, mlir::Value position, mlir::Value block);

  AttentionOp op;
  const int64_t heads, group, queryDim, valueDim;
  const bool isPaired; ///< in bf16
  const bool isTiled;  ///< in tile registers
  SlotReader keyReader, valueReader;
  Factor queries, keys, values;  ///< keys are panels of positions
  mlir::Value scores;            ///< of a tile of rows
  Factor probabilities;          ///< of a tile of rows
  mlir::Value maxima, sums;      ///< of rows: of scores, of exponentials (16 lanes)
  mlir::Value tops, corrections; ///< of a tile's rows, for the block of positions
  mlir::Value weighted;
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_BLOCKEDATTENTION_H
