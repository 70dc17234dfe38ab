//===- RetentionIntervals.cpp - What to keep, as an integer program -------===//
#include "passes/remat/RetentionIntervals.h"
#include "passes/remat/Dive.h"
#include "passes/remat/RetentionModel.h"

#include "llvm/Support/Error.h"

#include <chrono>

using namespace nyala::remat;

/// Solutions that are replayed and sent back with rows for the steps that were above the budget.
static constexpr int kRounds = 40;

RetentionResult nyala::remat::solveRetention(const Lifetimes &lifetimes,
                                             const RetentionOptions &options) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  RetentionModel model(lifetimes, options.budget, options.window);
  model.boundCost(options.lowerBound - lifetimes.plainCost);
  std::optional<Dive> dive;
  if (options.diveBelow)
    dive.emplace(*options.diveBelow - lifetimes.plainCost);
  RetentionResult result;
  result.bound = lifetimes.plainCost;
  for (int round = 0; round < kRounds; ++round) {
    MilpOptions milp;
    milp.seconds = options.seconds - std::chrono::duration<double>(Clock::now() - begin).count();
    if (milp.seconds <= 0)
      break;
    milp.allowedGap = options.allowedGap;
    milp.threads = options.threads;
    MilpResult solved =
        dive ? dive->solve(model.getProgram(), milp) : model.getProgram().solve(milp);
    if (solved.status == MilpResult::Status::Infeasible) {
      result.infeasible = true;
      break;
    }
    result.bound = std::max(result.bound, lifetimes.plainCost + solved.bound);
    if (solved.values.empty())
      break;
    KeepSet keep = model.decode(solved.values);
    Schedule schedule = makeSchedule(lifetimes, keep);
    Replay replayed = llvm::cantFail(replay(lifetimes.graph, schedule));
    if (replayed.peak <= options.budget) {
      result.keep = keep;
      result.cost = replayed.cost;
      break;
    }
    result.excess = replayed.peak - options.budget;
    if (!model.addViolated(schedule, replayed, solved.values))
      model.exclude(keep);
  }
  return result;
}
