//===- Heuristics.cpp - Schedules without a solver ------------------------===//
#include "passes/remat/Heuristics.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <tuple>

using namespace nyala::remat;

KeepSet nyala::remat::keepAll(const Lifetimes &lifetimes) {
  return KeepSet(lifetimes.tensors.size(), true);
}

int nyala::remat::countSqrtSegments(const Lifetimes &lifetimes) {
  return std::max(1, static_cast<int>(std::lround(std::sqrt(lifetimes.graph.firstBackward))));
}

KeepSet nyala::remat::keepSegmentEnds(const Lifetimes &lifetimes, int segments) {
  const Graph &graph = lifetimes.graph;
  std::vector<int64_t> written(graph.firstBackward + 1);
  for (int node = 0; node < graph.firstBackward; ++node) {
    written[node + 1] = written[node];
    for (int tensor : graph.nodes[node].outputs)
      written[node + 1] += lifetimes.getBytes(tensor);
  }
  KeepSet keep(lifetimes.tensors.size());
  for (int cut = 1; cut < segments; ++cut) {
    int64_t bytes = written.back() / segments * cut;
    // The node after the cut.
    int position = llvm::lower_bound(written, bytes) - written.begin();
    for (auto [tensor, uses] : llvm::enumerate(lifetimes.tensors))
      if (uses.writer >= 0 && uses.writer < position && uses.lastForward >= position)
        keep[tensor] = true;
  }
  return keep;
}

namespace {
class LocalSearch {
public:
  LocalSearch(const Lifetimes &lifetimes, int64_t budget, MayContinue mayContinue)
      : lifetimes(lifetimes), budget(budget), mayContinue(mayContinue) {}

  KeepSet run(KeepSet keep) {
    Value value = evaluate(keep);
    while (value.excess > 0 && mayContinue())
      if (!dropOne(keep, value))
        break;
    while (mayContinue() && (keepAgain(keep, value) || exchange(keep, value)))
      ;
    return keep;
  }

private:
  struct Value {
    double excess = 0; ///< bytes above the budget, summed over steps
    double cost = 0;
    bool operator<(const Value &other) const {
      return std::tie(excess, cost) < std::tie(other.excess, other.cost);
    }
  };

  Value evaluate(const KeepSet &keep) {
    schedule = makeSchedule(lifetimes, keep);
    replayed = llvm::cantFail(replay(lifetimes.graph, schedule));
    Value value{0, replayed.cost};
    for (int64_t live : replayed.live)
      value.excess += std::max<int64_t>(0, live - budget);
    return value;
  }

  /// The tensor that is worth most: excess that goes for what it costs.
  bool dropOne(KeepSet &keep, Value &value) {
    evaluate(keep);
    std::vector<int> candidates;
    for (const Instance &instance : findInstances(lifetimes.graph, schedule))
      if (lifetimes.isDroppable(instance.tensor) && keep[instance.tensor] &&
          instance.firstStep < replayed.peakStep && replayed.peakStep < instance.lastStep)
        candidates.push_back(instance.tensor);
    int best = -1;
    double bestRate = 0;
    Value bestValue;
    for (int tensor : candidates) {
      keep[tensor] = false;
      Value dropped = evaluate(keep);
      keep[tensor] = true;
      double gain = value.excess - dropped.excess;
      double rate = gain / (std::max(0.0, dropped.cost - value.cost) + 1e-9 * value.cost);
      if (gain > 0 && (best < 0 || rate > bestRate)) {
        best = tensor;
        bestRate = rate;
        bestValue = dropped;
      }
      if (!mayContinue())
        break;
    }
    if (best < 0)
      return false;
    keep[best] = false;
    value = bestValue;
    return true;
  }

  bool flip(KeepSet &keep, Value &value, llvm::ArrayRef<int> tensors) {
    for (int tensor : tensors)
      keep[tensor] = !keep[tensor];
    Value flipped = evaluate(keep);
    if (flipped < value) {
      value = flipped;
      return true;
    }
    for (int tensor : tensors)
      keep[tensor] = !keep[tensor];
    return false;
  }

  std::vector<int> find(const KeepSet &keep, bool kept) const {
    std::vector<int> tensors;
    for (int tensor = 0, end = keep.size(); tensor < end; ++tensor)
      if (lifetimes.isDroppable(tensor) && lifetimes.isWanted(tensor) && !!keep[tensor] == kept)
        tensors.push_back(tensor);
    return tensors;
  }

  bool keepAgain(KeepSet &keep, Value &value) {
    std::vector<int> dropped = find(keep, false);
    llvm::sort(dropped, [&](int left, int right) {
      return std::pair(-rate(left), left) < std::pair(-rate(right), right);
    });
    bool changed = false;
    for (int tensor : dropped)
      changed |= mayContinue() && flip(keep, value, {tensor});
    return changed;
  }

  /// Keeps one for another.
  bool exchange(KeepSet &keep, Value &value) {
    std::vector<int> kept = find(keep, true);
    for (int in : find(keep, false))
      for (int out : kept) {
        if (!mayContinue())
          return false;
        if (flip(keep, value, {in, out}))
          return true;
      }
    return false;
  }

  double rate(int tensor) const {
    return lifetimes.graph.nodes[lifetimes.tensors[tensor].writer].cost /
           (1.0 + lifetimes.getBytes(tensor));
  }

  const Lifetimes &lifetimes;
  int64_t budget;
  MayContinue mayContinue;
  Schedule schedule;
  Replay replayed;
};
} // namespace

KeepSet nyala::remat::searchLocally(const Lifetimes &lifetimes, KeepSet keep, int64_t budget,
                                    MayContinue mayContinue) {
  return LocalSearch(lifetimes, budget, mayContinue).run(std::move(keep));
}
