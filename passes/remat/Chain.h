//===- Chain.h - Linear chains, exactly -------------------------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_CHAIN_H
#define NYALA_PASSES_REMAT_CHAIN_H

#include "passes/remat/Lifetimes.h"

#include <optional>

namespace nyala::remat {

struct ChainResult {
  Schedule schedule;
  /// Sizes are all equal: what is computed again any number of times costs no less.
  bool optimal = false;
};

/// A good schedule of a linear chain: each forward node reads what the one before it wrote and
/// nothing else, and each such tensor has one backward reader, in reverse order. A node may be
/// recomputed any number of times; what is stored stays until its backward reader has run. By
/// dynamic programming over ranges of the chain (for equal sizes and costs: Griewank and Walther
/// 2000, "Revolve"). Nothing if the graph is no such chain, is too long for this, or nothing fits.
std::optional<ChainResult> solveChain(const Lifetimes &lifetimes, int64_t budget);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_CHAIN_H
