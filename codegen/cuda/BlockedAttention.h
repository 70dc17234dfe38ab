//===- BlockedAttention.h - Attention of prompts on tensor cores -*- C++ -*-===//
//
// A block of threads takes 64 or 128 rows of one head and goes over the positions
// that they see, 64 at a time, with an online softmax (Dao 2023, FlashAttention-2):
//
//   for each run of rows of one sequence:
//     for block of positions:  keys, values -> shared memory, while the last are used
//       scores = queries * keys^T; new maxima; weights = e^(scores - maxima)
//       sums, weighted sums: scaled by e^(old - new maxima), plus weights * values
//
// Queries (times the scale) and weights are rounded to the caches' type, f16 or
// bf16; blocks of integers are widened to f16; all sums are f32. Each warp has its rows alone, so
// maxima and sums stay in the four lanes that share a row. Rows are whatever positions of whatever
// sequences; those of one sequence must be neighbours to be fast.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_BLOCKEDATTENTION_H
#define NYALA_CODEGEN_CUDA_BLOCKEDATTENTION_H

#include "codegen/cuda/AttentionWriter.h"
#include "codegen/cuda/HeadReader.h"
#include "codegen/cuda/WarpMatrix.h"

namespace nyala::cuda {

class BlockedAttentionEmitter {
public:
  static constexpr int64_t kThreads = 128;

  /// Are caches of a type that tensor cores multiply, with heads that they can divide?
  static bool canRead(AttentionOp op);
  /// Rows of a block, whose calls are of up to `maxRows`.
  static int64_t getBlockRows(AttentionOp op, int64_t maxRows);

  BlockedAttentionEmitter(ThreadEmitter &e, AttentionOp op);

  /// Attention of rows `block` * getBlockRows() and following, of head `head`.
  void emit(mlir::Value head, mlir::Value block, AttentionWriter write);

private:
  using Fragment = WarpMatrixEmitter::Fragment;

  /// Of 16 rows of a warp, as fragments of sums have them; [0] of row g, [1] of row g + 8.
  struct Rows {
    llvm::SmallVector<mlir::Value, 2> maxima, sums; ///< sums: of this lane's columns
    llvm::SmallVector<Fragment> weighted;           ///< of 8 channels each
  };
  using State = llvm::SmallVector<Rows, 2>; ///< of a warp

  /// Of a block of positions: fragments of 8, of each 16 rows.
  using Scores = llvm::SmallVector<llvm::SmallVector<Fragment>>;

  /// Rows of the block that belong to one sequence, and the positions that they see together.
  struct Run {
    mlir::Value first, end, sequence;
    mlir::Value from, to;        ///< all of the run together
    mlir::Value lowest, highest; ///< positions of its rows
  };

  void loadRows();
  void loadQueries(mlir::Value head);
  Run findRun(mlir::Value first);
  State emitRun(const Run &run, mlir::Value kvHead, const State &state);
  void copyPositions(const Run &run, mlir::Value kvHead, mlir::Value first, bool isKey);
  void copyFloats(const Run &run, mlir::Value kvHead, mlir::Value first, bool isKey);
  void widenBlocks(const Run &run, mlir::Value kvHead, mlir::Value first, bool isKey);
  mlir::Value clampSlot(const Run &run, mlir::Value slot);
  void emitScores(Scores &scores);
  void mask(const Run &run, mlir::Value first, Scores &scores);
  void accumulate(State &state, Scores &scores);
  void finish(const State &state, mlir::Value head, AttentionWriter write);

  State getEmptyState();
  llvm::SmallVector<mlir::Value> flatten(const State &state);
  State unflatten(mlir::ValueRange values);
  mlir::Value getBlockRow(int64_t group, int64_t half);
  mlir::Value loadInt(mlir::Value buffer, mlir::Value row);

  ThreadEmitter &e;
  AttentionOp op;
  mlir::FloatType type;
  WarpMatrixEmitter matrices;
  int64_t heads, group, queryDim, valueDim, groups, blockRows;
  mlir::Value queries, keys, values, positions, sequences;
  mlir::Value firstRow, count;                                ///< rows of the block
  llvm::SmallVector<llvm::SmallVector<Fragment>> heldQueries; ///< in registers, if they fit
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_BLOCKEDATTENTION_H
