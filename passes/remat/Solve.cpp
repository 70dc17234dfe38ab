//===- Solve.cpp - Schedules within a budget, with a bound ----------------===//
#include "passes/remat/Solve.h"
#include "passes/remat/Annealing.h"
#include "passes/remat/Chain.h"
#include "passes/remat/CheckmateModel.h"
#include "passes/remat/CutBound.h"
#include "passes/remat/Heuristics.h"
#include "passes/remat/Milp.h"
#include "passes/remat/RetentionIntervals.h"
#include "passes/remat/TransientModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>
#include <optional>

using namespace nyala;
using namespace nyala::remat;

/// Below this, as a part of the cost, nothing is worth looking for: small programs are solved to
/// the optimum, others have many solutions that are about as good.
static constexpr double kNegligible = 1e-9, kNegligibleLarge = 2e-4, kNegligibleHuge = 8e-4;
/// Stages times forward nodes: of programs that are solved to the optimum, of those that CBC takes
/// whole, and of those whose relaxation can be solved; above, and first, with fewer stages.
static constexpr int64_t kExactProgram = 5000, kWholeProgram = 40000, kHugeProgram = 400000;
static constexpr int64_t kCoarseProgram = 40000;
static constexpr int kWindow = 30;
/// Stages times forward nodes of programs that recompute repeatedly, and branches of their search.
static constexpr int64_t kTransientProgram = 12000;
static constexpr int kTransientBranches = 500;
/// Rounds of annealing, of about half a second each, and nodes of graphs of which it begins at
/// the floor.
static constexpr int kAnnealingRounds = 5;
static constexpr size_t kFloorNodes = 400;
/// For what is certified already to become cheaper still.
static constexpr double kPolishingSeconds = 5;
/// Bounds by cuts are a little better as integer programs: gaps that this may close.
static constexpr double kNearlyCertified = 10 * kCertified;
/// Nodes of graphs that Checkmate's program takes in a second.
static constexpr size_t kStagedNodes = 24;
/// Nodes that the local search executes, about a second's work, and schedules that it tries at
/// least.
static constexpr int64_t kEvaluatedNodes = 20'000'000, kLeastEvaluations = 2000;

static constexpr const char *kOrdered =
    "all schedules that run each node first in this order, and again only recomputable nodes of "
    "the forward part";
static constexpr const char *kRetained =
    "schedules that run each node first in this order, and again recomputable nodes of the forward "
    "part that write no result, at most once, when they are first wanted, to stay to their last "
    "reader";
/// Of a schedule that is cheaper than all of a class.
static constexpr const char *kOutdone = "; this one is not of these, and cheaper than all of them";
static constexpr const char *kStaged =
    "schedules that run each node first in this order, and before that again only recomputable "
    "nodes, each at most once";

char InfeasibleError::ID;

void InfeasibleError::log(llvm::raw_ostream &os) const {
  os << llvm::formatv("no schedule fits a budget of {0} bytes: ", budget);
  if (floor > budget)
    os << llvm::formatv("node {0} ({1}) alone needs {2} bytes for its operands, results and "
                        "workspace beside what is fixed",
                        floorNode, floorName, floor);
  else
    os << llvm::formatv("none was found among {0}; node {1} ({2}) needs most, {3} bytes", searched,
                        floorNode, floorName, floor);
  os << llvm::formatv("; the nearest budget with a schedule is {0} bytes", nearest);
}

std::error_code InfeasibleError::convertToErrorCode() const {
  return llvm::inconvertibleErrorCode();
}

namespace {
class Solver {
public:
  Solver(const Graph &graph, const SolveOptions &options)
      : graph(graph), options(options), lifetimes(graph) {}

  llvm::Expected<Plan> run();

private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  double remaining() const { return options.timeLimit - elapsed(); }

  /// Holds `schedule` if it fits and is the cheapest so far, and the lowest peak in any case.
  void offer(const Schedule &schedule, const char *method);
  void offer(const KeepSet &keep, const char *method) {
    offer(makeSchedule(lifetimes, keep), method);
  }
  double getCost() const { return best ? best->replayed.cost : kInfinity; }
  double getGap(double lower) const { return (getCost() - lower) / scale(); }
  double scale() const { return lifetimes.plainCost > 0 ? lifetimes.plainCost : 1; }
  bool isSettled() const {
    return best &&
           getGap(std::max(bound, retainedBound <= getCost() ? retainedBound : 0)) <= negligible();
  }
  int64_t size() const {
    return static_cast<int64_t>(lifetimes.stages.size()) * graph.firstBackward;
  }
  double negligible() const {
    return std::min(options.tolerance, size() > kWholeProgram   ? kNegligibleHuge
                                       : size() > kExactProgram ? kNegligibleLarge
                                                                : kNegligible);
  }

  void findFloor();
  void runSegments();
  KeepSet searchLocally(int64_t budget) const;
  void runRetention(const Lifetimes &staged, int window, double seconds, const char *method,
                    bool dive = false);
  void runCoarse();
  void runAnnealing(int64_t budget, int rounds);
  void runTransient(double seconds);
  void runChain();
  CheckmateResult runStaged(bool tight);
  llvm::Expected<Plan> runCheckmate();
  void boundByCuts(bool exact, double seconds);
  bool isClose(double lower) const {
    return best && lower < kInfinity && getGap(lower) <= options.tolerance;
  }
  bool isCertified() const { return isClose(bound); }
  /// Certified as one of a class of fewer schedules, or as cheaper than all of it?
  bool isRetained() const { return isClose(retainedBound); }
  void findNearest();
  Plan finish();
  llvm::Error fail();

  const Graph &graph;
  const SolveOptions &options;
  Lifetimes lifetimes;
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  std::optional<Plan> best;
  KeepSet bestKeep;
  int64_t lowestPeak = std::numeric_limits<int64_t>::max();
  KeepSet lowestKeep;
  double bound = 0;         ///< of kOrdered
  double retainedBound = 0; ///< of kRetained
  int64_t floor = 0;
  int floorNode = 0;
};
} // namespace

void Solver::offer(const Schedule &schedule, const char *method) {
  Replay replayed = llvm::cantFail(replay(graph, schedule));
  lowestPeak = std::min(lowestPeak, replayed.peak);
  if (replayed.peak > options.budget || replayed.cost >= getCost())
    return;
  best.emplace();
  best->schedule = schedule;
  best->replayed = std::move(replayed);
  best->method = method;
}

/// The node that needs most, whatever is kept.
void Solver::findFloor() {
  std::vector<int64_t> bytes = lifetimes.constantAt;
  for (auto [tensor, uses] : llvm::enumerate(lifetimes.tensors)) {
    if (uses.kind != TensorUses::Kind::Pinned || graph.nodes[uses.writer].recomputable)
      continue;
    for (int node = uses.writer, last = std::max(uses.lastForward, uses.lastBackward); node <= last;
         ++node)
      bytes[node] += lifetimes.getBytes(tensor);
  }
  for (auto [index, node] : llvm::enumerate(graph.nodes)) {
    std::vector<int> touched(node.inputs);
    touched.insert(touched.end(), node.outputs.begin(), node.outputs.end());
    llvm::sort(touched);
    touched.erase(llvm::unique(touched), touched.end());
    for (int tensor : touched)
      if (const TensorUses &uses = lifetimes.tensors[tensor];
          uses.kind != TensorUses::Kind::Constant && graph.nodes[uses.writer].recomputable)
        bytes[index] += lifetimes.getBytes(tensor);
  }
  if (bytes.empty())
    return;
  floorNode = llvm::max_element(bytes) - bytes.begin();
  floor = bytes[floorNode];
}

void Solver::runSegments() {
  int sqrt = countSqrtSegments(lifetimes);
  for (int segments = 1; segments <= 3 * sqrt; ++segments)
    offer(keepSegmentEnds(lifetimes, segments), segments == sqrt ? "sqrt" : "segments");
}

/// Stops after so many evaluations, not after a time: the same graph has the same schedule.
KeepSet Solver::searchLocally(int64_t budget) const {
  int64_t left = std::max<int64_t>(kLeastEvaluations, kEvaluatedNodes / lifetimes.getNodes());
  return remat::searchLocally(lifetimes, keepAll(lifetimes), budget,
                              [&] { return left-- > 0 && remaining() > 0; });
}

/// `staged`: lifetimes as they are, or with fewer stages.
void Solver::runRetention(const Lifetimes &staged, int window, double seconds, const char *method,
                          bool dive) {
  RetentionOptions retention;
  retention.budget = options.budget;
  retention.window = window;
  retention.threads = options.threads;
  retention.allowedGap = negligible() * lifetimes.plainCost;
  if (dive)
    retention.diveBelow = getCost();
  else if (size() > kWholeProgram) // where it ends a proof early, it pays for a row of all costs
    retention.lowerBound = bound;
  double end = elapsed() + std::min(seconds, remaining());
  // A program that its rows do not describe to the byte is solved again for less.
  for (int attempt = 0; attempt < 4; ++attempt) {
    retention.seconds = end - elapsed();
    if (retention.seconds <= 0)
      return;
    RetentionResult result = solveRetention(staged, retention);
    bool whole = window >= static_cast<int>(staged.stages.size());
    if (attempt == 0 && whole)
      retainedBound = std::max(retainedBound, result.infeasible ? kInfinity : result.bound);
    if (result.keep)
      offer(*result.keep, method);
    if (result.keep || result.infeasible || result.excess == 0)
      return;
    retention.budget -= result.excess;
  }
}

/// From few stages to all of them, as far as that is needed and can be solved.
void Solver::runCoarse() {
  int stages = lifetimes.stages.size();
  for (int64_t columns = kCoarseProgram; columns <= kHugeProgram; columns *= 4) {
    int count = std::clamp<int64_t>(columns / graph.firstBackward, 1, stages);
    Lifetimes staged = lifetimes.coarsen(count);
    runRetention(staged, count, 0.5 * remaining(), "retention intervals", /*dive=*/true);
    if (count == stages || isSettled() || isRetained())
      return;
  }
}

void Solver::runAnnealing(int64_t budget, int rounds) {
  AnnealingOptions annealing;
  annealing.budget = budget;
  annealing.rounds = rounds;
  // From the least memory up, where that can be tried often enough.
  if (best && graph.nodes.size() > kFloorNodes)
    annealing.from = &best->schedule;
  double end = elapsed() + 0.3 * remaining();
  offer(anneal(lifetimes, annealing, [&] { return elapsed() < end; }), "annealing");
}

void Solver::runTransient(double seconds) {
  TransientOptions transient;
  transient.budget = options.budget;
  transient.threads = options.threads;
  transient.allowedGap = negligible() * scale();
  transient.branches = kTransientBranches;
  double end = elapsed() + std::min(seconds, remaining());
  for (int attempt = 0; attempt < 4 && elapsed() < end; ++attempt) {
    transient.seconds = end - elapsed();
    std::optional<TransientSets> result = solveTransient(lifetimes, transient);
    if (!result)
      return;
    Schedule schedule = makeSchedule(lifetimes, result->keep, &result->transient);
    int64_t excess = llvm::cantFail(replay(graph, schedule)).peak - options.budget;
    offer(schedule, "transient recomputation");
    if (excess <= 0)
      return;
    transient.budget -= excess;
  }
}

CheckmateResult Solver::runStaged(bool tight) {
  CheckmateOptions checkmate;
  checkmate.budget = options.budget;
  checkmate.tight = tight;
  checkmate.seconds = remaining();
  checkmate.threads = options.threads;
  CheckmateResult result = solveCheckmate(graph, checkmate);
  if (result.schedule)
    offer(*result.schedule, "checkmate");
  return result;
}

llvm::Expected<Plan> Solver::runCheckmate() {
  if (!isForCheckmate(graph))
    return llvm::createStringError("Checkmate's program is for graphs whose tensors have one "
                                   "writer each: use another method");
  CheckmateResult result = runStaged(options.method == Method::CheckmateTight);
  if (result.infeasible)
    return fail();
  if (!best)
    return llvm::createStringError(
        llvm::formatv("Checkmate's program gave no schedule within the budget in {0:F1} seconds",
                      elapsed())
            .str());
  bound = std::max(bound, result.bound);
  Plan plan = finish();
  plan.boundClass = kStaged;
  return plan;
}

void Solver::runChain() {
  if (std::optional<ChainResult> result = solveChain(lifetimes, options.budget)) {
    offer(result->schedule, "chain");
    if (result->optimal)
      bound = std::max(bound, getCost());
  }
}

/// The lowest budget for which a schedule can be found: mostly the floor, else about it.
void Solver::findNearest() {
  KeepSet none(lifetimes.tensors.size()), all = keepAll(lifetimes);
  offer(makeSchedule(lifetimes, none, &all), "floor");
  int64_t lowest = std::max(floor, options.budget + 1);
  if (lowestPeak > lowest)
    runAnnealing(lowest, 1);
}

llvm::Error Solver::fail() {
  auto error = std::make_unique<InfeasibleError>();
  error->budget = options.budget;
  error->floor = floor;
  error->floorNode = floorNode;
  error->floorName = graph.nodes.empty() ? "none" : graph.nodes[floorNode].name;
  error->nearest = lowestPeak;
  error->searched = retainedBound == kInfinity ? kRetained : "what was tried in the time";
  return llvm::Error(std::move(error));
}

void Solver::boundByCuts(bool exact, double seconds) {
  CutBoundOptions cuts;
  cuts.budget = options.budget;
  cuts.exact = exact;
  cuts.seconds = seconds;
  cuts.allowedGap = kCertified / 10 * scale();
  cuts.threads = options.threads;
  bound = std::max(bound, computeCutBound(lifetimes, cuts));
}

Plan Solver::finish() {
  Plan &plan = *best;
  bound = std::max(bound, lifetimes.plainCost);
  plan.bound = bound;
  plan.boundClass = kOrdered;
  // A bound of fewer schedules says more where it is needed, but nothing where none of them fits.
  if (getGap(bound) > kCertified && retainedBound > bound && retainedBound < kInfinity) {
    plan.bound = retainedBound;
    plan.boundClass = kRetained;
    if (retainedBound > getCost() + kNegligible * scale())
      plan.boundClass += kOutdone;
  }
  plan.bound = std::min(plan.bound, getCost());
  plan.overhead = getCost() / scale() - 1;
  plan.overheadBound = plan.bound / scale() - 1;
  plan.certified = plan.overhead - plan.overheadBound <= kCertified;
  plan.seconds = elapsed();
  return std::move(plan);
}

llvm::Expected<Plan> Solver::run() {
  findFloor();
  offer(makePlainSchedule(graph), "none");
  bound = lifetimes.plainCost;
  if (options.method == Method::None || isSettled())
    return best ? llvm::Expected<Plan>(finish()) : llvm::Expected<Plan>(fail());
  if (options.method == Method::Sqrt) {
    offer(keepSegmentEnds(lifetimes, countSqrtSegments(lifetimes)), "sqrt");
    return best ? llvm::Expected<Plan>(finish()) : llvm::Expected<Plan>(fail());
  }
  if (options.method == Method::Checkmate || options.method == Method::CheckmateTight)
    return runCheckmate();
  for (const Schedule &schedule : options.known) {
    if (llvm::Expected<Replay> replayed = replay(graph, schedule); !replayed)
      return replayed.takeError();
    offer(schedule, "known");
  }
  if (floor > options.budget) {
    findNearest();
    return fail();
  }
  runSegments();
  offer(searchLocally(options.budget), "greedy");
  if (options.method == Method::Greedy)
    return best ? llvm::Expected<Plan>(finish()) : llvm::Expected<Plan>(fail());
  runChain();
  boundByCuts(/*exact=*/false, 0.2 * remaining());
  // Where no heuristic keeps enough, little may be kept for each node that runs again.
  bool nearFloor = !best;
  if (nearFloor)
    runAnnealing(options.budget, 1);
  int stages = lifetimes.stages.size();
  bool dives = size() > kWholeProgram, whole = size() <= kHugeProgram;
  if (!isSettled() && dives)
    runCoarse();
  if (!isSettled() && dives && !isRetained())
    runRetention(lifetimes, kWindow, 0.5 * remaining(), "retention intervals within a window");
  if (!isSettled() && whole && !(dives && (isCertified() || isRetained())))
    runRetention(lifetimes, stages,
                 isCertified() ? kPolishingSeconds : (nearFloor ? 0.2 : 0.8) * remaining(),
                 "retention intervals");
  if (!isCertified() && (size() <= kExactProgram || !isRetained()))
    runAnnealing(options.budget, kAnnealingRounds);
  if (!isCertified() && !isRetained() && countTransientSize(lifetimes) <= kTransientProgram)
    runTransient(0.03 * remaining());
  if (!isCertified() && graph.nodes.size() <= kStagedNodes && isForCheckmate(graph) &&
      remaining() > 0)
    runStaged(/*tight=*/true);
  // Takes seconds, and is for where no other bound certifies and this one may.
  if (best && !isCertified() && !isRetained() && getGap(bound) <= kNearlyCertified)
    boundByCuts(/*exact=*/true, 0.5 * remaining());
  if (!best)
    findNearest(); // on the way to a higher budget it may meet one that fits
  if (!best)
    return fail();
  return finish();
}

llvm::Expected<Plan> nyala::remat::solve(const Graph &graph, const SolveOptions &options) {
  if (llvm::Error error = check(graph))
    return std::move(error);
  return Solver(graph, options).run();
}
