//===- CheckmateModel.h - Checkmate's integer program -----------*- C++ -*-===//
//
// For comparison: what the formulations here are measured against, and equal on
// graphs that it can solve.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_REMAT_CHECKMATEMODEL_H
#define NYALA_PASSES_REMAT_CHECKMATEMODEL_H

#include "passes/remat/Milp.h"
#include "passes/remat/Schedule.h"

#include <optional>

namespace nyala::remat {

struct CheckmateOptions {
  int64_t budget = 0;
  /// When memory is freed follows from what is computed and kept, so it needs no integers: the
  /// same solutions with fewer integers and a higher relaxation than those of the publication.
  bool tight = true;
  double seconds = 60;
  int threads = 1;
};

struct CheckmateResult {
  std::optional<Schedule> schedule; ///< the best that was found
  double bound = 0;                 ///< of the cost of all executions
  bool infeasible = false;
};

/// Jain et al. 2020, section 4. A stage a node t, which ends with its first execution:
///
///   minimize sum cost(i) * run(t, i)                       i is computed in stage t
///   run(t, i) <= run(t, writer of o) + held(t, o)          o is an input of i
///   held(t + 1, o) <= held(t, o) + run(t, writer of o)     o stays into stage t + 1
///   used(t, i) = used(t, i - 1) - bytes freed after i - 1 + bytes(outputs of i) * run(t, i)
///   used(t, i) + workspace(i) * run(t, i) <= budget
///   freed(t, o, k) = run(t, k) * (1 - held(t + 1, o)) * product over later readers j of
///                    (1 - run(t, j))
///
/// Where a node may run again is the graph's: as published that is everywhere. Within a stage a
/// node runs once, in the order of the graph. Tensors must have one writer each.
CheckmateResult solveCheckmate(const Graph &graph, const CheckmateOptions &options);

/// Has each tensor one writer?
bool isForCheckmate(const Graph &graph);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_CHECKMATEMODEL_H
