//===- CacheAttention.h - Attention over caches by parts --------*- C++ -*-===//
//
// A block of 256 threads takes a row, up to four query heads that share a key-value
// head, and a part of the positions that the row sees, whose keys and values it
// reads once:
//
//   each warp:  for its positions, an online softmax (WarpAttention.h)
//   the block:  merges its warps in shared memory, in ascending order
//   the last block of a row and head:  merges the parts, in ascending order
//
// How many parts there are depends on the positions that the row sees, and on
// nothing else: neither on other rows nor on which block comes last (docs/cuda.md).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_CACHEATTENTION_H
#define NYALA_CODEGEN_CUDA_CACHEATTENTION_H

#include "codegen/cuda/AttentionWriter.h"
#include "codegen/cuda/WarpAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <memory>

namespace nyala::cuda {

class CacheAttentionEmitter {
public:
  static constexpr int64_t kThreads = 256;

  /// Why the caches cannot be read; empty if they can.
  static std::string getObstacle(AttentionOp op);
  /// Groups of query heads that blocks take, and the most parts that a row can have.
  static int64_t getHeadGroups(AttentionOp op);
  static int64_t getParts(AttentionOp op);

  CacheAttentionEmitter(ThreadEmitter &e, AttentionOp op);
  /// Are 128 registers a thread enough, so that two blocks can share a multiprocessor?
  bool needsFewRegisters() const { return attention->needsFewRegisters(); }

  /// Part `part` of row `row`, and the row's result if this block is the last one.
  void emitPart(mlir::Value headGroup, mlir::Value part, mlir::Value row, AttentionWriter write);
  /// All of the row.
  void emitRow(mlir::Value headGroup, mlir::Value row, AttentionWriter write);

private:
  /// Positions [first, end) that a row sees, in `parts` parts of 2^shift of them.
  struct Span {
    mlir::Value first, end, sequence, parts, shift;
  };
  /// Softmax over some positions, of the head and the adjacent channels that are this thread's when
  /// warps or parts are merged.
  struct State {
    mlir::Value maximum, sum;
    llvm::SmallVector<mlir::Value> weighted;
  };

  Span getSpan(mlir::Value row);
  void beginGroup(mlir::Value headGroup, mlir::Value row);
  State reduce(mlir::Value sequence, mlir::Value from, mlir::Value to);
  State mergeWarps();
  void publish(const State &state, mlir::Value part);
  State mergeParts(mlir::Value parts);
  void finish(const State &state, AttentionWriter write);

  mlir::Value getPartAddress(mlir::Value part, mlir::Value column);

  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value l, mlir::Value r);

  ThreadEmitter &e;
  AttentionOp op;
  int64_t channels;        ///< of a head of values
  int64_t group, together; ///< query heads of a key-value head, of a block
  int64_t width;           ///< adjacent channels of a thread when warps are merged
  std::unique_ptr<WarpAttention> attention;
  mlir::Value factors, total; ///< of parts, in shared memory
  mlir::Value workspace;

  // Of the block's row and group of heads.
  mlir::Value row, headGroup, kvHead, firstHead, lastHead;
  mlir::Value mergedHead, mergedChannel, isMerging; ///< of this thread when warps are merged
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_CACHEATTENTION_H
