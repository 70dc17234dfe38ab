//===- RetentionIntervals.h - What to keep, as an integer program -*- C++ -*-===//
//
// The order is fixed, gradients are computed once, each node is recomputed at most
// once and what is recomputed stays until its last reader. So a tensor's memory is
// one or two intervals, and whether it is kept decides all: one binary a tensor.
// Variables that say what has been recomputed by which stage follow from these. (Retention
// intervals as variables: Bartan et al. 2023, "Moccasin".)
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_REMAT_RETENTIONINTERVALS_H
#define NYALA_PASSES_REMAT_RETENTIONINTERVALS_H

#include "passes/remat/Lifetimes.h"

#include <optional>

namespace nyala::remat {

struct RetentionOptions {
  int64_t budget = 0;
  /// Stages that something is recomputed earlier than its own reader wants it, at most. A window
  /// keeps large programs small; bounds then hold for schedules within it alone.
  int window = 1 << 30;
  /// Cost below which no schedule is, known from elsewhere: what comes near it is good enough.
  double lowerBound = 0;
  double seconds = 60;
  double allowedGap = 0; ///< of the cost
  int threads = 1;
  /// A schedule of this cost is known: a solution and a bound soon, but no proof (Dive.h).
  std::optional<double> diveBelow;
};

struct RetentionResult {
  std::optional<KeepSet> keep; ///< fits the budget
  double cost = 0;             ///< of all executions
  double bound = 0;            ///< of all schedules of this kind (and window)
  bool infeasible = false;     ///< no schedule of this kind fits
  int64_t excess = 0; ///< if nothing fitted: how much the last attempt was above the budget
};

/// Rows within a stage, of which there are many and which hardly ever matter, are added when the
/// replay of a solution needs them: what is returned has been replayed.
RetentionResult solveRetention(const Lifetimes &lifetimes, const RetentionOptions &options);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_RETENTIONINTERVALS_H
