//===- TiledAttention.h - Attention of prompts in tile registers -*- C++ -*-===//
//
// The schedule of many rows, consecutive positions of one sequence, on CPUs that
// multiply tiles of bf16. Everything is transposed: a vector is 16 rows, whose
// maxima and sums are lanes.
//
//   for blocks of positions:  keys as they are, values transposed, in scratch
//     for 2 x 16 rows:        scores = keys · queries         [position][row]
//                             probabilities, with a running maximum
//                             weighted += values · probabilities [channel][row]
//
// Positions that none of the rows attends to are passed over. Factors of both
// products are rounded to bf16, sums and the softmax are f32.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_TILEDATTENTION_H
#define NYALA_CODEGEN_CPU_TILEDATTENTION_H

#include "codegen/cpu/AttentionBlocks.h"
#include "codegen/cpu/SlotAccess.h"

namespace nyala::cpu {

class TiledAttentionEmitter : public AttentionBlockEmitter {
public:
  /// Rows of a unit of work.
  static constexpr int64_t kRows = 64;

  /// Does `target` have what it takes, and may the factors of `op` be rounded?
  static bool supports(CpuTargetAttr target, AttentionOp op);

  TiledAttentionEmitter(TileEmitter &e, AttentionOp op);

  /// Rows [first, first + count), at most kRows, consecutive positions of one sequence, for the
  /// query heads of key-value head `kvHead`.
  void emit(mlir::Value first, mlir::Value count, mlir::Value kvHead, mlir::Value destination);

private:
  /// Positions of a block: keys and values of a head of 64 channels fill two thirds of a
  /// first-level cache.
  static constexpr int64_t kPositions = 128;
  /// Rows of a group, which are the lanes of its vectors.
  static constexpr int64_t kGroupRows = kLanes;
  /// Rows that are computed together: two groups.
  static constexpr int64_t kPairRows = 2 * kGroupRows;
  /// Numbers of bf16 in a row of a tile register.
  static constexpr int64_t kTileNumbers = 2 * kLanes;
  /// Query heads that share a block's keys and values while those are in the near caches.
  static constexpr int64_t kHeads = 4;

  void emitHeads(const AttentionUnit &unit, mlir::Value firstHead, int64_t heads,
                 mlir::Value destination);
  void loadQueries(const AttentionUnit &unit, mlir::Value head, mlir::Value group);
  void packKeys(const AttentionUnit &unit, mlir::Value block, mlir::Value count);
  void packValues(const AttentionUnit &unit, mlir::Value block, mlir::Value count);
  void emitPair(mlir::Value group, mlir::Value position, mlir::Value block);
  void emitScores(mlir::Value group, mlir::Value positions);
  void emitSoftmax(int64_t half, mlir::Value group, mlir::Value position, mlir::Value block,
                   mlir::Value positions);
  void maskScores(int64_t half, mlir::Value position, mlir::Value block, mlir::Value positions);
  void emitWeighted(mlir::Value group, mlir::Value positions);
  void storeResult(const AttentionUnit &unit, mlir::Value group, mlir::Value firstRow,
                   mlir::Value head, mlir::Value destination);
  mlir::Value roundPairs(mlir::Value first, mlir::Value second);

  AttentionOp op;
  const int64_t heads, group, queryDim, valueDim;
  const int64_t steps;        ///< of a score: tiles of channels
  const int64_t channelTiles; ///< of the result
  SlotReader keyReader, valueReader;
  // Tiles of bf16: [...][16][32].
  mlir::Value queries;       ///< [group of rows][step]: pairs of channels by rows
  mlir::Value keys;          ///< [16 positions][step]: positions by channels
  mlir::Value values;        ///< [channel tile][32 positions]: channels by positions
  mlir::Value probabilities; ///< [half of a pair][32 positions]: pairs of positions by rows
  // f32, of 16 rows: [...][16].
  mlir::Value scores;       ///< [half of a pair][position]
  mlir::Value maxima, sums; ///< [group of rows]
  mlir::Value weighted;     ///< [group of rows][channel]
  mlir::Value result;       ///< [row of a group][channel]: a group's, rows by channels
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_TILEDATTENTION_H
