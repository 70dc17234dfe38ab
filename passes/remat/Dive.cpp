//===- Dive.cpp - Good solutions of large programs ------------------------===//
#include "passes/remat/Dive.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>

using namespace nyala::remat;

/// Further than this from an integer a column is fractional.
static constexpr double kIntegral = 1e-6;
/// How far from a fractional column others are solved for.
static constexpr int kReaches[] = {0, 3, 10, 30};

Milp Dive::restrict(const Milp &milp, int reach) const {
  std::vector<char> isFree(integers.size());
  for (int position : fractional)
    for (int i = std::max(0, position - reach),
             end = std::min<int>(integers.size(), position + reach + 1);
         i < end; ++i)
      isFree[i] = true;
  Milp part = milp;
  for (size_t i = 0; i < integers.size(); ++i)
    if (!isFree[i])
      part.fix(integers[i], std::round(relaxation.values[integers[i]]));
  return part;
}

MilpResult Dive::solve(const Milp &milp, const MilpOptions &options) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  if (relaxation.values.empty()) {
    relaxation = milp.relax(options);
    if (relaxation.status != MilpResult::Status::Optimal)
      return relaxation;
    for (int column = 0, end = milp.getColumns(); column < end; ++column) {
      if (!milp.isInteger(column))
        continue;
      double value = relaxation.values[column];
      if (std::abs(value - std::round(value)) > kIntegral)
        fractional.push_back(integers.size());
      integers.push_back(column);
    }
  }
  MilpResult best;
  best.bound = relaxation.bound;
  if (known - best.bound <= options.allowedGap)
    return best;
  for (; attempt < std::size(kReaches); ++attempt) {
    MilpOptions rest = options;
    double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    rest.seconds = (options.seconds - seconds) / 2;
    if (rest.seconds <= 0)
      break;
    MilpResult found = restrict(milp, kReaches[attempt]).solve(rest);
    if (found.objective < best.objective) {
      best.values = std::move(found.values);
      best.objective = found.objective;
    }
    if (best.objective - best.bound <= options.allowedGap) {
      best.status = MilpResult::Status::Optimal;
      return best;
    }
  }
  if (!best.values.empty())
    best.status = MilpResult::Status::Feasible;
  return best;
}
