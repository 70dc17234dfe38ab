//===- Dive.h - Good solutions of large programs ----------------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_DIVE_H
#define NYALA_PASSES_REMAT_DIVE_H

#include "passes/remat/Milp.h"

namespace nyala::remat {

/// From a program's relaxation to a solution near it: integers that the relaxation has at integers
/// stay there, but for those beside a fractional one (in the order of columns), of which more and
/// more are solved for until the solution is within the allowed gap of the relaxation. No proof,
/// but the relaxation is a bound.
class Dive {
public:
  /// What is as good as a solution of cost `known` is not looked for.
  explicit Dive(double known) : known(known) {}

  /// Rows may be added to `milp` between calls: the relaxation stays that of the first one. What a
  /// call gives is optimal if it is within the allowed gap of it.
  MilpResult solve(const Milp &milp, const MilpOptions &options);

private:
  /// The program with all integers fixed that are not within `reach` of a fractional one.
  Milp restrict(const Milp &milp, int reach) const;

  double known;
  MilpResult relaxation;
  std::vector<int> integers;   ///< columns
  std::vector<int> fractional; ///< of `integers`, positions
  unsigned attempt = 0;        ///< the reach that is next
};

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_DIVE_H
