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
// Positions that no row of a tile attends to are passed over. With avx512bf16
// the factors of both products are rounded to bf16, unless the caches hold f32;
// sums and the softmax are f32.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_BLOCKEDATTENTION_H
#define NYALA_CODEGEN_CPU_BLOCKEDATTENTION_H

#include "codegen/cpu/AttentionBlocks.h"
#include "codegen/cpu/SlotAccess.h"

namespace nyala::cpu {

class BlockedAttentionEmitter : public AttentionBlockEmitter {
public:
  /// Rows of a unit of work.
  static constexpr int64_t kRows = 32;

  BlockedAttentionEmitter(TileEmitter &e, AttentionOp op);

  /// Rows [first, first + count), at most kRows, consecutive positions of one sequence, for the
  /// query heads of key-value head `kvHead`.
  void emit(mlir::Value first, mlir::Value count, mlir::Value kvHead, mlir::Value destination);

private:
  /// Positions of a block.
  static constexpr int64_t kPositions = 64;
  /// Query heads that share a block's keys while those are in the near caches.
  static constexpr int64_t kHeads = 4;

  /// Steps of a product over `count` numbers, one or a pair each.
  int64_t getSteps(int64_t count) const { return isPaired ? llvm::divideCeil(count, 2) : count; }
  /// A factor of a product in scratch: of f32, or of pairs of bf16, one step each, as i32.
  mlir::Value allocateFactor(llvm::ArrayRef<int64_t> shape);
  /// A factor's two neighbouring vectors, as one vector of pairs or as two.
  void storeFactor(mlir::Value low, mlir::Value high, mlir::Value destination, mlir::Value row,
                   mlir::Value column);

  void emitHeads(const AttentionUnit &unit, mlir::Value firstHead, int64_t heads,
                 mlir::Value destination);
  void loadQueries(const AttentionUnit &unit, mlir::Value head, mlir::Value row);
  void packKeys(const AttentionUnit &unit, mlir::Value block);
  void packValues(const AttentionUnit &unit, mlir::Value block);
  void emitTile(mlir::Value row, mlir::Value position, mlir::Value block);
  void emitWeighted(mlir::Value row, mlir::Value positions);
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>>
  loadScores(mlir::Value inTile, mlir::Value position, mlir::Value block);
  void emitMaxima(mlir::Value row, mlir::Value position, mlir::Value block);
  void emitSoftmax(mlir::Value row, mlir::Value inTile, mlir::Value position, mlir::Value block);

  AttentionOp op;
  const int64_t heads, group, queryDim, valueDim;
  const bool isPaired; ///< in bf16
  SlotReader keyReader, valueReader;
  mlir::Value queries, keys, values; ///< keys are panels of positions
  mlir::Value scores;                ///< of a tile of rows
  mlir::Value probabilities;         ///< of a tile of rows
  mlir::Value maxima, sums;          ///< of rows: of scores, of exponentials (16 lanes)
  mlir::Value tops, corrections;     ///< of a tile's rows, for the block of positions
  mlir::Value weighted;
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_BLOCKEDATTENTION_H
