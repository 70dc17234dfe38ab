//===- MatrixAttention.h - A warp's attention on tensor cores ---*- C++ -*-===//
//
// For caches of f16. A warp has 16 positions at a time, whose keys and values it
// copies to shared memory, each its own: no warp waits for another. Queries and
// weights are two f16 each, rounded and what that leaves, side by side, so that
// products keep 22 bits of them; f16 of caches are exact.
//
//   keys (16 positions x channels)       * queries (channels x 4 heads, each twice)
//   values^T (16 channels x positions)   * weights (positions x 4 heads, each twice)
//
// Lane 4g + t has the scores of head t, positions g and g + 8, and of the weighted
// sums head t, channels g and g + 8 of each 16.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_MATRIXATTENTION_H
#define NYALA_CODEGEN_CUDA_MATRIXATTENTION_H

#include "codegen/cuda/WarpAttention.h"
#include "codegen/cuda/WarpMatrix.h"

namespace nyala::cuda {

class MatrixAttention final : public WarpAttention {
public:
  static constexpr int64_t kMostHeads = 4;
  /// Blocks that parts are to suffice for: one for each multiprocessor of a large GPU has enough
  /// copies under way, and fewer parts are merged sooner.
  static constexpr int64_t kBlocks = 128;

  static bool canRead(AttentionOp op);

  /// \param warps of a block. \param together query heads of a block, up to kMostHeads.
  MatrixAttention(ThreadEmitter &e, AttentionOp op, int64_t warps, int64_t together);

  bool needsFewRegisters() const override;
  void reduce(const SharedHeads &heads, const Positions &positions) override;

private:
  using Fragment = WarpMatrixEmitter::Fragment;

  /// A cache in global memory, and a tile of it for each warp in shared memory.
  struct Cache {
    mlir::Value buffer, tiles;
    int64_t slots, stride, channels; ///< of a sequence; channels of a slot, of a head
  };
  /// Of this lane's head: the sum of this lane's positions; weighted sums of all of the warp's.
  struct State {
    mlir::Value maximum, sum;
    llvm::SmallVector<Fragment> weighted;
  };

  Cache getCache(mlir::Value cache, int64_t kvHeads);
  void loadQueries(const SharedHeads &heads);
  void copyTile(const Cache &cache, const SharedHeads &heads, const Positions &positions,
                mlir::Value first);
  void awaitTile();
  void syncWarp();
  std::array<mlir::Value, 2> getScores();
  std::pair<State, std::array<mlir::Value, 2>>
  weigh(const State &state, std::array<mlir::Value, 2> scores, mlir::Value first, mlir::Value to);
  mlir::Value transpose(mlir::Value weight);
  void addValues(State &state, std::array<mlir::Value, 2> weights);
  void store(const State &state);

  /// Of this warp's tiles in shared memory.
  mlir::Value getFirstRow();
  mlir::Value isLess(mlir::Value l, mlir::Value r);

  ThreadEmitter &e;
  AttentionOp op;
  WarpMatrixEmitter matrices;
  int64_t together, warps;
  Cache keys, values;
  llvm::SmallVector<Fragment> queries; ///< right factors of 16 channels each
  mlir::Value group, inGroup;          ///< g and t of the lane 4g + t
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_MATRIXATTENTION_H
