//===- Solve.h - Schedules within a budget, with a bound --------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_SOLVE_H
#define NYALA_PASSES_REMAT_SOLVE_H

#include "passes/remat/Schedule.h"

namespace nyala::remat {

/// What `certified` allows between overhead and bound: 0.1 point.
inline constexpr double kCertified = 1e-3;

enum class Method {
  None,           ///< the order of the graph
  Sqrt,           ///< Chen et al. 2016: keeps what lies at the ends of about sqrt(n) segments
  Greedy,         ///< drops what frees most for its cost until the schedule fits
  Optimal,        ///< integer programs, with all heuristics as incumbents
  Checkmate,      ///< for comparison: Jain et al. 2020, as published (CheckmateModel.h)
  CheckmateTight, ///< the same with fewer integers
};

struct SolveOptions {
  int64_t budget = 0; ///< bytes, fixed ones included
  Method method = Method::Optimal;
  double timeLimit = 60; ///< seconds for everything, bounds included
  int threads = 1;       ///< of CBC
  /// How far from the bound a schedule is good enough, as a part of the cost; where programs are
  /// small the solver comes closer.
  double tolerance = kCertified;
  /// Schedules known already, of lower budgets or of an attempt before: the result is no worse.
  std::vector<Schedule> known;
};

struct Plan {
  Schedule schedule;
  Replay replayed;
  std::string method; ///< which formulation or heuristic found it
  /// No schedule of the class `boundClass` costs less than bound, which like `replayed.cost` is of
  /// all executions.
  double bound = 0;
  std::string boundClass;
  double seconds = 0; ///< of solving, bounding and replay
  /// Extra cost over that of running each node once, and its bound, as a part of that cost.
  double overhead = 0, overheadBound = 0;
  /// overhead - overheadBound <= kCertified.
  bool certified = false;
};

/// No schedule was found that fits. `floorNode` needs most memory, whatever is kept: its operands,
/// results and workspace with what is fixed and cannot be computed again take `floor` bytes. For
/// the budget `nearest` a schedule is known. Between the two nothing fits among `searched`.
class InfeasibleError : public llvm::ErrorInfo<InfeasibleError> {
public:
  static char ID; // NOLINT(readability-identifier-naming): LLVM's name
  int64_t budget = 0, floor = 0, nearest = 0;
  int floorNode = 0;
  std::string floorName, searched;

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;
};

/// The cheapest schedule found within the budget. Errors: InfeasibleError, what `check` says, and
/// of Checkmate's program that it gave none.
llvm::Expected<Plan> solve(const Graph &graph, const SolveOptions &options);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_SOLVE_H
