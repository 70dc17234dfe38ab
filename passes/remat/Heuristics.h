//===- Heuristics.h - Schedules without a solver ----------------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_HEURISTICS_H
#define NYALA_PASSES_REMAT_HEURISTICS_H

#include "passes/remat/Lifetimes.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace nyala::remat {

KeepSet keepAll(const Lifetimes &lifetimes);

/// Cuts the forward part into `segments` of about equal bytes and keeps what crosses the cuts.
KeepSet keepSegmentEnds(const Lifetimes &lifetimes, int segments);

/// The number of segments of Chen et al. 2016: about the square root of the forward nodes.
int countSqrtSegments(const Lifetimes &lifetimes);

using MayContinue = llvm::function_ref<bool()>;

/// Drops what frees most for its cost where the peak is, until the schedule fits; then keeps again
/// what the room allows. What it returns need not fit. `budget` is in bytes.
KeepSet searchLocally(const Lifetimes &lifetimes, KeepSet keep, int64_t budget,
                      MayContinue mayContinue);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_HEURISTICS_H
