//===- FitArena.h - Schedules whose arena fits a budget ---------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_FITARENA_H
#define NYALA_PASSES_REMAT_FITARENA_H

#include "passes/remat/Solve.h"

namespace nyala::remat {

/// A plan, and the bytes that it takes as the planner lays it out: arena and what is fixed.
struct PlacedPlan {
  Plan plan;
  int64_t peak = 0;
};

/// Bytes that the arena of a schedule takes, as the planner of programs lays it out; without what
/// is fixed. Never less than what is alive at one step.
int64_t planArena(const Graph &graph, const Schedule &schedule);

/// The peak of the plain schedule's arena, with what is fixed.
int64_t getPlainArenaPeak(const Graph &graph);

/// As `solve`, for a budget that the arena keeps to, holes between values included. A schedule
/// whose values do not fit is solved again for as much less as was missing; then heuristics are
/// tried for less and less. The bound is that of the budget itself, for what is alive. Errors:
/// those of `solve`; the nearest budget of an InfeasibleError is one of the arena.
llvm::Expected<PlacedPlan> fitArena(const Graph &graph, const SolveOptions &options);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_FITARENA_H
