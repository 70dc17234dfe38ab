//===- Annealing.cpp - Schedules that recompute repeatedly ----------------===//
#include "passes/remat/Annealing.h"

#include <algorithm>
#include <cmath>
#include <random>

using namespace nyala::remat;

/// Average nodes that a schedule may cost more, on average, to be gone on with in a round's
/// beginning: where that is the floor, and where it is a good schedule. In its end, a part of that.
static constexpr double kWarmest = 10, kWarmestFromKnown = 0.1, kCooling = 1e-4;
/// How often a change is of one choice, of all of a tensor, else of those from a node on.
static constexpr double kSingle = 0.6, kWhole = 0.2;
/// How often two changes are made at once: one in exchange for another.
static constexpr double kExchange = 0.5;

/// How often each choice of the first schedule is worth changing in a round.
static constexpr int64_t kEnough = 100;

namespace {
class Annealing {
public:
  // NOLINTNEXTLINE(bugprone-random-generator-seed): the same numbers in every run.
  Annealing(const Lifetimes &lifetimes, const AnnealingOptions &options, MayContinue mayContinue)
      : lifetimes(lifetimes), options(options), mayContinue(mayContinue),
        forward(lifetimes.graph.firstBackward), stages(lifetimes.getNodes() - forward),
        readFor(lifetimes.tensors.size()), isMarked(forward), first(readFor.size()), last(first) {}

  Schedule run() {
    for (int round = 0; round < options.rounds && (round == 0 || mayContinue()); ++round) {
      begin();
      if (fit())
        cool();
    }
    return std::move(best);
  }

private:
  void begin() {
    again.assign(lifetimes.tensors.size() * stages, !options.from);
    if (options.from) {
      int next = 0; // what runs for the first time
      for (int node : *options.from) {
        if (node == next)
          ++next;
        else if (next >= forward)
          for (int tensor : lifetimes.graph.nodes[node].outputs)
            again[getChoice(tensor, next - forward)] = true;
      }
    }
    execute();
    choices = tried;
    // Small graphs have been seen from all sides before.
    steps = std::min<int64_t>(options.steps, kEnough * choices.size() * schedule.size());
    left = steps;
    currentCost = cost;
    note();
  }

  /// Down to the budget, by changes that make the peak no higher.
  bool fit() {
    double current = peak;
    while (current > options.budget && left > steps / 10 * 9 && mayContinue()) {
      if (!change())
        return false;
      bool accepted = peak <= current;
      if (accepted) {
        current = peak;
        currentCost = cost;
        note();
      }
      settle(accepted);
    }
    return current <= options.budget;
  }

  void cool() {
    double parts = static_cast<double>(left);
    double warmest =
        (options.from ? kWarmestFromKnown : kWarmest) * lifetimes.plainCost / std::max(1, forward);
    while (left > 0 && mayContinue()) {
      double warmth = warmest * std::pow(kCooling, 1 - left / parts);
      if (!change())
        return;
      bool accepted = peak <= options.budget && cost <= currentCost - std::log(1 - draw()) * warmth;
      if (accepted) {
        currentCost = cost;
        note();
      }
      settle(accepted);
    }
  }

  /// The best so far: what fits is, and then what is cheap.
  void note() {
    std::pair<int64_t, double> value(std::max(peak, options.budget), cost);
    if (!best.empty() && value >= bestValue)
      return;
    best = schedule;
    bestValue = value;
  }

  size_t getChoice(int tensor, int stage) const {
    return static_cast<size_t>(tensor) * stages + stage;
  }
  double draw() { return (random() >> 11) * 0x1p-53; }

  /// Tries another schedule; false if there are no choices.
  bool change() {
    if (choices.empty())
      return false;
    changed.clear();
    changeOne();
    if (draw() < kExchange)
      changeOne();
    execute();
    return true;
  }

  void changeOne() {
    size_t choice = choices[random() % choices.size()];
    char value = !again[choice];
    size_t begin = choice / stages * stages, end = begin + stages;
    double kind = draw();
    if (kind < kSingle)
      end = choice + 1;
    if (kind < kSingle || kind >= kSingle + kWhole)
      begin = choice;
    for (; begin < end; ++begin)
      if (again[begin] != value) {
        again[begin] = value;
        changed.push_back(begin);
      }
  }

  void settle(bool accepted) {
    if (accepted)
      choices.swap(tried);
    else
      for (size_t choice : changed)
        again[choice] = !again[choice];
  }

  /// Makes `schedule` of the choices, and its cost and peak. What makeSchedule and replay would do,
  /// in microseconds.
  void execute() {
    const Graph &graph = lifetimes.graph;
    schedule.clear();
    for (int node = 0; node < forward; ++node)
      schedule.push_back(node);
    tried.clear();
    std::fill(readFor.begin(), readFor.end(), -1);
    for (int stage = 0; stage < stages; ++stage) {
      size_t needed = schedule.size();
      auto demand = [&](int reader) {
        for (int tensor : graph.nodes[reader].inputs) {
          if (!lifetimes.isDroppable(tensor) || readFor[tensor] == stage)
            continue;
          readFor[tensor] = stage;
          tried.push_back(getChoice(tensor, stage));
          int writer = lifetimes.tensors[tensor].writer;
          if (again[tried.back()] && !isMarked[writer]) {
            isMarked[writer] = true;
            schedule.push_back(writer);
          }
        }
      };
      demand(forward + stage);
      for (size_t i = needed; i < schedule.size(); ++i)
        demand(schedule[i]);
      std::sort(schedule.begin() + needed, schedule.end());
      for (size_t i = needed; i < schedule.size(); ++i)
        isMarked[schedule[i]] = false;
      schedule.push_back(forward + stage);
    }
    left -= schedule.size();
    measure();
  }

  void measure() {
    const Graph &graph = lifetimes.graph;
    cost = 0;
    difference.assign(schedule.size() + 1, 0);
    std::fill(first.begin(), first.end(), -1);
    auto end = [&](int tensor) {
      if (first[tensor] < 0)
        return;
      difference[first[tensor]] += lifetimes.getBytes(tensor);
      difference[last[tensor] + 1] -= lifetimes.getBytes(tensor);
    };
    for (int step = 0, length = schedule.size(); step < length; ++step) {
      const Node &node = graph.nodes[schedule[step]];
      cost += node.cost;
      for (int tensor : node.inputs)
        last[tensor] = step;
      for (int tensor : node.outputs) {
        if (first[tensor] < 0 || lifetimes.isDroppable(tensor)) {
          end(tensor);
          first[tensor] = step;
        }
        last[tensor] = step;
      }
    }
    for (int tensor = 0, tensors = first.size(); tensor < tensors; ++tensor) {
      if (graph.tensors[tensor].kept)
        last[tensor] = static_cast<int>(schedule.size()) - 1;
      end(tensor);
    }
    peak = 0;
    int64_t live = graph.fixedBytes;
    for (size_t step = 0; step < schedule.size(); ++step) {
      live += difference[step];
      peak = std::max(peak, live + graph.nodes[schedule[step]].workspace);
    }
  }

  const Lifetimes &lifetimes;
  const AnnealingOptions &options;
  MayContinue mayContinue;
  int forward, stages; ///< nodes; all backward nodes are stages
  std::mt19937_64 random;
  int64_t steps = 0, left = 0; ///< that this round may try
  double currentCost = 0;      ///< of the schedule that changes begin with
  Schedule best;
  std::pair<int64_t, double> bestValue; ///< peak above the budget, cost

  std::vector<char> again;     ///< by choice: computed again if it is read?
  std::vector<size_t> choices; ///< that matter to the schedule as it is: others are not read
  std::vector<size_t> changed; ///< since then

  // What execute makes, and its scratch.
  Schedule schedule;
  double cost = 0;
  int64_t peak = 0;
  std::vector<size_t> tried;       ///< choices that mattered
  std::vector<int> readFor;        ///< by tensor: the last stage that it was read in
  std::vector<char> isMarked;      ///< by node: runs again in this stage
  std::vector<int> first, last;    ///< by tensor: steps of its latest life
  std::vector<int64_t> difference; ///< bytes that come with a step, less those that went before it
};
} // namespace

Schedule nyala::remat::anneal(const Lifetimes &lifetimes, const AnnealingOptions &options,
                              MayContinue mayContinue) {
  return Annealing(lifetimes, options, mayContinue).run();
}
