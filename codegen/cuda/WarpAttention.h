//===- WarpAttention.h - Attention of a warp's positions --------*- C++ -*-===//
//
// What warps do of attention over caches: each has some of a block's positions,
// and leaves maxima, sums and weighted sums of them in shared memory, which the
// block merges (CacheAttention.h). There are two ways: LaneAttention.h multiplies
// by lanes, in f32, whatever caches hold; MatrixAttention.h on tensor cores.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_WARPATTENTION_H
#define NYALA_CODEGEN_CUDA_WARPATTENTION_H

#include "codegen/cuda/ThreadEmitter.h"

namespace nyala::cuda {

/// Query heads of a row that share a key-value head: so many from `first` on. Of the last ones some
/// may be missing: `last`, the last one there is, stands in for them.
struct SharedHeads {
  mlir::Value row, kvHead, first, last; ///< index
};

/// Positions [from, to) of a sequence, which a block reduces.
struct Positions {
  mlir::Value sequence, from, to; ///< index
};

/// Where warps leave the softmax of their positions: memrefs of f32 in shared memory. Weights are
/// relative to 2^maximum; a maximum may be less than the largest score.
struct WarpSums {
  mlir::Value maxima, sums; ///< by warp and head
  mlir::Value weighted;     ///< by (warp, partial sum) and (head, channel)
  int64_t partials;         ///< partial sums that a warp leaves of each channel
  int64_t headStride;       ///< elements from a head to the next one
};

class WarpAttention {
public:
  virtual ~WarpAttention() = default;
  const WarpSums &getSums() const { return sums; }
  /// Are 128 registers a thread enough, so that two blocks can share a multiprocessor?
  virtual bool needsFewRegisters() const = 0;
  /// All warps of the block come by. No barrier behind.
  virtual void reduce(const SharedHeads &heads, const Positions &positions) = 0;

protected:
  WarpSums sums;
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_WARPATTENTION_H
