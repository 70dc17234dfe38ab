//===- Solve.h - Schedules within a budget, with a bound --------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_SOLVE_H
#define NYALA_PASSES_REMAT_SOLVE_H

#include "passes/remat/Graph.h"

#include "llvm/Support/Error.h"

namespace nyala::remat {

/// What a schedule does, found by executing it step by step.
struct Replay {
  int64_t peak = 0; ///< bytes, fixed ones and workspace included; offsets are the arena planner's
  int peakStep = 0; ///< position in the schedule where it is reached
  double cost = 0;  ///< of all executions
};

/// Executes `schedule`: every node once or more, inputs alive, what may not run again not run
/// again, the backward part in its order. Errors name the node and the step.
llvm::Expected<Replay> replay(const Graph &graph, const Schedule &schedule);

enum class Method {
  None,   ///< the order of the graph
  Sqrt,   ///< Chen et al. 2016: keeps what lies at the ends of about sqrt(n) segments
  Optimal ///< integer programs, with all heuristics as incumbents
};

struct SolveOptions {
  int64_t budget = 0; ///< bytes, fixed ones included
  Method method = Method::Optimal;
  double timeLimit = 60; ///< seconds for everything, bounds included
  int threads = 1;       ///< of CBC
};

struct Plan {
  Schedule schedule;
  Replay replayed;
  std::string method; ///< which formulation or heuristic found it
  /// No schedule of the class `boundClass` costs less than bound. Costs of `None` are included.
  double bound = 0;
  std::string boundClass;
  double seconds = 0; ///< of solving, bounding and replay
  /// Extra cost over that of running each node once, and its bound, of that cost.
  double overhead = 0, overheadBound = 0;
  /// overhead - overheadBound <= 0.1 point.
  bool certified = false;
};

/// No schedule fits: the lowest budget for which one is known, and the node whose operands, results
/// and workspace alone need `floor` bytes (with what is fixed and cannot be computed again by
/// then).
class InfeasibleError : public llvm::ErrorInfo<InfeasibleError> {
public:
  static char ID;
  int64_t budget = 0, floor = 0, nearest = 0;
  int floorNode = 0;
  std::string floorName;

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;
};

/// The cheapest schedule found within the budget.
llvm::Expected<Plan> solve(const Graph &graph, const SolveOptions &options);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_SOLVE_H
