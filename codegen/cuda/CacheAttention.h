//===- CacheAttention.h - Attention over caches by parts --------*- C++ -*-===//
//
// A block of 256 threads takes a row, up to four query heads that share a key-value
// head, and a part of 256 absolute positions, whose keys and values it reads
// once. A warp has 32 of the positions, a lane one of them when weights are
// computed and 8 channels of several when slots are read:
//
//   each warp:  scores (sums over the lanes of a slot) -> maximum, weights, their sum
//               weighted sums of the values, for the lanes' channels
//   the block:  merges its warps in shared memory, in ascending order
//   the last block of a row and head:  merges the parts, in ascending order
//
// What is computed for a row depends neither on other rows nor on which block
// comes last (docs/cuda.md).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_CACHEATTENTION_H
#define NYALA_CODEGEN_CUDA_CACHEATTENTION_H

#include "codegen/cuda/AttentionWriter.h"
#include "codegen/cuda/HeadReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace nyala::cuda {

class CacheAttentionEmitter {
public:
  static constexpr int64_t kThreads = 256;

  /// Why the caches cannot be read; empty if they can.
  static std::string getObstacle(AttentionOp op);
  /// Groups of query heads that blocks take, and parts of the longest sequence.
  static int64_t getHeadGroups(AttentionOp op);
  static int64_t getParts(AttentionOp op);

  CacheAttentionEmitter(ThreadEmitter &e, AttentionOp op);
  /// Are caches of less than 32 bits a number?
  bool isNarrow() const;

  /// Part `part` of row `row`, and the row's result if this block is the last one.
  void emitPart(mlir::Value headGroup, mlir::Value part, mlir::Value row, AttentionWriter write);
  /// All parts of the row, one after the other.
  void emitParts(mlir::Value headGroup, mlir::Value row, AttentionWriter write);

private:
  /// Positions [first, end) and parts [firstPart, endPart) that a row sees.
  struct Span {
    mlir::Value first, end, firstPart, endPart, sequence;
  };
  /// Softmax over some positions, of the head and the adjacent channels that are this thread's when
  /// warps or parts are merged.
  struct State {
    mlir::Value maximum, sum;
    llvm::SmallVector<mlir::Value> weighted;
  };
  /// The same of a warp: of each head, of this lane's channels and slots.
  struct WarpState {
    llvm::SmallVector<mlir::Value> maxima, sums, weighted;
  };

  Span getSpan(mlir::Value row);
  void beginGroup(mlir::Value headGroup, mlir::Value row);
  State reducePart(const Span &span, mlir::Value part);
  WarpState reduceWarp(const Span &span, mlir::Value first);
  llvm::SmallVector<mlir::Value> emitScores(const Span &span, mlir::Value first);
  State mergeWarps();
  void publish(const State &state, mlir::Value part);
  mlir::Value isLast(mlir::Value parts);
  State mergeParts(const Span &span);
  void finish(const State &state, AttentionWriter write);

  mlir::Value clampSlot(const Span &span, mlir::Value slot);
  mlir::Value addSlots(llvm::SmallVector<mlir::Value> values, int64_t least, int64_t most);
  mlir::Value getPartAddress(mlir::Value part, mlir::Value column);

  mlir::Value add(mlir::Value l, mlir::Value r);
  mlir::Value add(mlir::Value l, int64_t r);
  mlir::Value mul(mlir::Value l, int64_t r);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value l, mlir::Value r);

  ThreadEmitter &e;
  AttentionOp op;
  HeadReader keys, values;
  int64_t group, together; ///< query heads of a key-value head, of a block
  int64_t width;           ///< adjacent channels of a thread when warps are merged
  mlir::Value warpMaxima, warpSums, warpWeighted; ///< in shared memory
  mlir::Value factors, total, last;               ///< of parts, likewise
  mlir::Value workspace;

  // Of the block's row and group of heads.
  mlir::Value row, headGroup, kvHead, firstHead;
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> queries; ///< of each head, this lane's channels
  mlir::Value mergedHead, mergedChannel, isMerging; ///< of this thread when warps are merged
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_CACHEATTENTION_H
