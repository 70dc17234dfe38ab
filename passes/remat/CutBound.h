//===- CutBound.h - What any schedule must cost -----------------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_CUTBOUND_H
#define NYALA_PASSES_REMAT_CUTBOUND_H

#include "passes/remat/Lifetimes.h"

namespace nyala::remat {

/// No schedule within `budget` bytes whose first executions are in the order of the graph, and
/// whose gradients are computed once, costs less. While a backward node runs, memory holds so much
/// and no more: what later nodes read and is not there is computed again, with what that takes.
///
///   minimize sum cost(i) * again(i)
///   again(writer of o) >= 1 - there(o)              o is read later
///   again(writer of o) >= again(j) - there(o)       o is an input of j
///   sum bytes(o) * there(o) <= budget - constant
///
/// The bound is the best over the backward nodes that the time allows to try, of the relaxation or
/// (`exact`, which takes seconds) of the integer programs of the best of them, within `allowedGap`
/// of cost. Infinite if nothing fits.
struct CutBoundOptions {
  int64_t budget = 0;
  bool exact = false;
  double seconds = 60;
  double allowedGap = 0;
  int threads = 1;
};
double computeCutBound(const Lifetimes &lifetimes, const CutBoundOptions &options);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_CUTBOUND_H
