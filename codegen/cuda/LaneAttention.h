//===- LaneAttention.h - A warp's attention by lanes ------------*- C++ -*-===//
//
// For caches of whatever HeadReader reads. A warp has 32 positions at a time: a
// lane one of them when weights are computed, and 4 or 8 channels of several when
// slots are read:
//
//   scores (sums over the lanes of a slot) -> maximum, weights
//   weighted sums of the values, for the lanes' channels
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_LANEATTENTION_H
#define NYALA_CODEGEN_CUDA_LANEATTENTION_H

#include "codegen/cuda/HeadReader.h"
#include "codegen/cuda/WarpAttention.h"

namespace nyala::cuda {

class LaneAttention final : public WarpAttention {
public:
  /// Blocks that parts are to suffice for: two for each multiprocessor of a large GPU.
  static constexpr int64_t kBlocks = 256;
  /// Query heads that a block can take.
  static int64_t getMostHeads(AttentionOp op);

  /// \param warps of a block. \param together query heads of a block.
  LaneAttention(ThreadEmitter &e, AttentionOp op, int64_t warps, int64_t together);

  bool needsFewRegisters() const override;
  void reduce(const SharedHeads &heads, const Positions &positions) override;

private:
  /// Softmax of a warp: of each head, of this lane's channels and slots; sums of its positions.
  struct State {
    llvm::SmallVector<mlir::Value> maxima, sums, weighted;
  };

  void loadQueries(const SharedHeads &heads);
  State addPositions(const SharedHeads &heads, const Positions &positions, const State &state);
  mlir::Value getWeight(mlir::Value weights, int64_t number);
  llvm::SmallVector<mlir::Value>
  addSlots(int64_t first, int64_t mask,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t)> leaf);
  void store(State state);

  ThreadEmitter &e;
  AttentionOp op;
  HeadReader keys, values;
  int64_t warps, together;
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> queries; ///< of each head, this lane's channels
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_LANEATTENTION_H
