//===- WeightChunks.h - Weights that pass shared memory in chunks -*- C++ -*-===//
//
// What decides how GPUs read a packed weight in steps of few rows: on what fuses, and in
// which order sums are added up. It depends on the weight's shape and format alone.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_WEIGHTCHUNKS_H
#define NYALA_CODEGEN_WEIGHTCHUNKS_H

#include "ir/storage/PackedLayout.h"

namespace nyala::cuda {

/// Warps that divide a product's depth among them, at most.
inline constexpr int64_t kProductWarps = 8;
/// Blocks that keep a GPU busy: an H100's multiprocessors.
inline constexpr int64_t kMultiprocessors = 132;

/// Blocks of 32 columns that a chunk has, of 16 rows: warps read adjacent blocks, a chunk at a
/// time, of which each warp has the same number. 0: blocks go round the warps one by one, because
/// the weight is small, or cannot be divided so.
inline int64_t getChunkSteps(const PackedLayout &layout) {
  int64_t steps = layout.getNumFullBlocks();
  if (!layout.hasScales() || steps % kProductWarps != 0 || layout.getNumGroups() < kMultiprocessors)
    return 0;
  constexpr int64_t most = 16, fewest = 4;
  for (int64_t chunk = most; chunk >= fewest; --chunk)
    if (steps / kProductWarps % chunk == 0 &&
        (!layout.hasHeaders() || chunk % PackedLayout::kHeaderBlocks == 0))
      return chunk;
  return 0;
}

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_WEIGHTCHUNKS_H
