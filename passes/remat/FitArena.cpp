//===- FitArena.cpp - Schedules whose arena fits a budget -----------------===//
#include "passes/remat/FitArena.h"
#include "ir/memory/ArenaPlanner.h"
#include "runtime/kernel_abi.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>

using namespace nyala::remat;

/// How often a schedule that does not fit is solved again, and how many lower budgets heuristics
/// are tried for then.
static constexpr int kAttempts = 4, kHeuristicAttempts = 16;
/// Seconds for one of those, and for an attempt at the nearest budget.
static constexpr double kHeuristicSeconds = 1, kNearestSeconds = 10;
/// How close to its own bound a schedule for less memory must come: the rest of what `certified`
/// allows is for what less memory costs. An attempt that needs more of it comes closer yet.
static constexpr double kTolerance = kCertified / 4;

int64_t nyala::remat::planArena(const Graph &graph, const Schedule &schedule) {
  std::vector<ArenaValue> values;
  for (const Instance &instance : findInstances(graph, schedule))
    values.push_back({graph.tensors[instance.tensor].bytes, instance.firstStep, instance.lastStep});
  return nyala::planArena(values, NYALA_BUFFER_ALIGNMENT);
}

int64_t nyala::remat::getPlainArenaPeak(const Graph &graph) {
  return graph.fixedBytes + planArena(graph, makePlainSchedule(graph));
}

namespace {
class Fitter {
public:
  Fitter(const Graph &graph, const SolveOptions &options) : graph(graph), options(options) {}

  llvm::Expected<PlacedPlan> run();

private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  bool fits(const PlacedPlan &placed) const { return placed.peak <= options.budget; }
  static bool isCertified(const Plan &plan, const Plan &first) {
    return plan.overhead - first.overheadBound <= kCertified;
  }
  llvm::Expected<PlacedPlan> solveFor(int64_t budget, Method method, double seconds,
                                      double tolerance = kCertified);
  std::optional<PlacedPlan> solveForLess(const PlacedPlan &first);
  std::optional<PlacedPlan> tryHeuristics();
  PlacedPlan finish(PlacedPlan placed, const Plan &first) const;
  llvm::Error fail(const Plan &first) const;

  const Graph &graph;
  const SolveOptions &options;
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  int64_t lowestPeak = std::numeric_limits<int64_t>::max();
};
} // namespace

llvm::Expected<PlacedPlan> Fitter::solveFor(int64_t budget, Method method, double seconds,
                                            double tolerance) {
  SolveOptions attempt = options;
  attempt.budget = budget;
  attempt.method = method;
  attempt.timeLimit = seconds;
  attempt.tolerance = std::min(options.tolerance, tolerance);
  llvm::Expected<Plan> plan = solve(graph, attempt);
  if (!plan)
    return plan.takeError();
  PlacedPlan placed{std::move(*plan)};
  placed.peak = graph.fixedBytes + planArena(graph, placed.plan.schedule);
  lowestPeak = std::min(lowestPeak, placed.peak);
  return placed;
}

/// For as much less as was missing.
std::optional<PlacedPlan> Fitter::solveForLess(const PlacedPlan &first) {
  std::optional<PlacedPlan> best;
  int64_t budget = options.budget;
  auto lower = [&](const PlacedPlan &placed) {
    budget = std::min(budget, placed.plan.replayed.peak) - (placed.peak - options.budget);
  };
  lower(first);
  double tolerance = kTolerance;
  for (int attempt = 1; attempt < kAttempts && elapsed() < options.timeLimit; ++attempt) {
    llvm::Expected<PlacedPlan> next =
        solveFor(budget, options.method, options.timeLimit - elapsed(), tolerance);
    if (!next) {
      llvm::consumeError(next.takeError());
      break;
    }
    if (!fits(*next)) {
      lower(*next);
      continue;
    }
    if (!best || next->plan.replayed.cost < best->plan.replayed.cost)
      best = std::move(*next);
    if (!first.plan.certified || isCertified(best->plan, first.plan))
      break;
    tolerance /= 4;
  }
  return best;
}

/// The cheapest one that fits, of those for the budget and less.
std::optional<PlacedPlan> Fitter::tryHeuristics() {
  std::optional<PlacedPlan> best;
  auto offer = [&](llvm::Expected<PlacedPlan> placed) {
    if (!placed) {
      llvm::consumeError(placed.takeError());
      return false;
    }
    if (fits(*placed) && (!best || placed->plan.replayed.cost < best->plan.replayed.cost))
      best = std::move(*placed);
    return true;
  };
  offer(solveFor(options.budget, Method::Sqrt, kHeuristicSeconds));
  int64_t step = (options.budget - graph.fixedBytes) / (2 * kHeuristicAttempts);
  for (int attempt = 0; attempt < kHeuristicAttempts; ++attempt)
    if (!offer(solveFor(options.budget - attempt * step, Method::Greedy, kHeuristicSeconds)))
      break;
  return best;
}

/// The bound stays that of the budget that was asked for.
PlacedPlan Fitter::finish(PlacedPlan placed, const Plan &first) const {
  Plan &plan = placed.plan;
  plan.bound = first.bound;
  plan.boundClass = first.boundClass;
  plan.overheadBound = first.overheadBound;
  plan.certified = isCertified(plan, first);
  plan.seconds = elapsed();
  return placed;
}

llvm::Error Fitter::fail(const Plan &first) const {
  auto error = std::make_unique<InfeasibleError>();
  error->budget = options.budget;
  error->floor = first.replayed.peak;
  error->floorNode = first.schedule[first.replayed.peakStep];
  error->floorName = graph.nodes[error->floorNode].name;
  error->nearest = lowestPeak;
  error->searched = "schedules whose values fit an arena without too large holes";
  return llvm::Error(std::move(error));
}

llvm::Expected<PlacedPlan> Fitter::run() {
  llvm::Expected<PlacedPlan> first = solveFor(options.budget, options.method, options.timeLimit);
  if (!first || fits(*first))
    return first;
  std::optional<PlacedPlan> other =
      options.method == Method::None ? std::nullopt : solveForLess(*first);
  if (!other && options.method != Method::None)
    other = tryHeuristics();
  if (!other)
    return fail(first->plan);
  return finish(std::move(*other), first->plan);
}

/// Raises the nearest budget to one that works for the arena, too.
static llvm::Error correctNearest(const Graph &graph, SolveOptions options,
                                  std::unique_ptr<InfeasibleError> error) {
  options.timeLimit = std::min(options.timeLimit, kNearestSeconds);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    options.budget = error->nearest;
    llvm::Expected<PlacedPlan> placed = Fitter(graph, options).run();
    if (placed)
      break;
    llvm::handleAllErrors(
        placed.takeError(),
        [&](const InfeasibleError &other) {
          error->nearest = std::max(other.nearest, error->nearest + error->nearest / 64);
        },
        [](const llvm::ErrorInfoBase &) {});
  }
  return llvm::Error(std::move(error));
}

llvm::Expected<PlacedPlan> nyala::remat::fitArena(const Graph &graph, const SolveOptions &options) {
  llvm::Expected<PlacedPlan> placed = Fitter(graph, options).run();
  if (placed)
    return placed;
  return llvm::handleErrors(placed.takeError(), [&](std::unique_ptr<InfeasibleError> error) {
    return correctNearest(graph, options, std::move(error));
  });
}
