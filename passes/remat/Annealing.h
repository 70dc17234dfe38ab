//===- Annealing.h - Schedules that recompute repeatedly --------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_ANNEALING_H
#define NYALA_PASSES_REMAT_ANNEALING_H

#include "passes/remat/Heuristics.h"

namespace nyala::remat {

struct AnnealingOptions {
  int64_t budget = 0; ///< bytes
  /// Rounds begin anew, and end when schedules of so many steps in all have been tried: about half
  /// a second, and unlike a time the same anywhere.
  int rounds = 1;
  int64_t steps = 30'000'000;
  /// Where rounds begin; nullptr: with everything computed again for each backward node that wants
  /// it, which takes least memory.
  const Schedule *from = nullptr;
};

/// For budgets near the floor, where tensors must be computed again more than once. A schedule is a
/// choice for each backward node and each droppable tensor that it, or what runs again for it,
/// reads: to compute the tensor again, or to take it from where it was last. Every choice makes a
/// schedule that replays, so simulated annealing is free to change any of them: it goes on with
/// what fits the budget and is cheaper, or at first somewhat dearer. Random numbers are the same in
/// every run. Returns the cheapest schedule that fits; if none did, that of the lowest peak.
Schedule anneal(const Lifetimes &lifetimes, const AnnealingOptions &options,
                MayContinue mayContinue);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_ANNEALING_H
