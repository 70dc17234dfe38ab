//===- TransientModel.h - Recomputing more than once ------------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_TRANSIENTMODEL_H
#define NYALA_PASSES_REMAT_TRANSIENTMODEL_H

#include "passes/remat/Lifetimes.h"

#include <optional>

namespace nyala::remat {

struct TransientOptions {
  int64_t budget = 0;
  double seconds = 60;
  double allowedGap = 0; ///< of the cost
  int branches = 0;      ///< of the search at most; 0: any number
  int threads = 1;
};

/// As makeSchedule takes them.
struct TransientSets {
  KeepSet keep, transient;
};

/// A tensor that is let go is either recomputed once and stays to its last reader, or is recomputed
/// for each backward node that wants it and is gone after it (transient). Stages t are the backward
/// nodes that read droppable tensors, b(t) is the node:
///
///   minimize sum cost(i) * runs(i, t)
///   keep(o) + stays(o) <= 1                                  integers
///   runs(writer of o, t) >= 1 - keep(o) - back(o, t - 1)     b(t) reads o
///   runs(writer of o, t) >= runs(j, t) - keep(o) - back(o, t - 1)    o is an input of j
///   back(o, t - 1), runs(writer of o, t) + stays(o) - 1 <= back(o, t) <= stays(o)
///   back(o, t) <= back(o, t - 1) + runs(writer of o, t)
///   what b(t) reads + sum of bytes(o) * (keep(o) + back(o, t)) over o read later <= budget
///
/// Steps on the way to b(t) are not in the program, so what is returned may need more than the
/// budget. Nothing if there is no solution or none was found in time.
std::optional<TransientSets> solveTransient(const Lifetimes &lifetimes,
                                            const TransientOptions &options);

/// Columns and rows of the program, about: what says whether it can be solved in seconds.
int64_t countTransientSize(const Lifetimes &lifetimes);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_TRANSIENTMODEL_H
