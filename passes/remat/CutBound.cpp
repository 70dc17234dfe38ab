//===- CutBound.cpp - What any schedule must cost -------------------------===//
#include "passes/remat/CutBound.h"
#include "passes/remat/Milp.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <chrono>
#include <map>

using namespace nyala::remat;

/// Backward nodes whose relaxation is solved before those beside the best one are.
static constexpr int kSamples = 24;
/// Of these, so many as integer programs.
static constexpr int kExact = 3;

namespace {
class Cut {
public:
  Cut(const Lifetimes &lifetimes, int64_t budget, int node) : lifetimes(lifetimes) {
    const Graph &graph = lifetimes.graph;
    again.assign(graph.firstBackward, -1);
    there.assign(lifetimes.tensors.size(), -1);
    Affine memory{static_cast<double>(budget - lifetimes.constantAt[node]), {}};
    for (int index = 0; index < graph.firstBackward; ++index)
      if (graph.nodes[index].recomputable)
        again[index] = milp.addColumn(0, 1, graph.nodes[index].cost, false);
    for (auto [position, uses] : llvm::enumerate(lifetimes.tensors)) {
      int tensor = position;
      if (uses.kind == TensorUses::Kind::Constant || uses.writer < 0)
        continue;
      there[tensor] = milp.addColumn(0, 1, 0, true);
      memory.add(there[tensor], -static_cast<double>(lifetimes.getBytes(tensor)));
      if (uses.lastBackward > node)
        require(tensor, Affine{1, {}});
    }
    milp.addRow(memory);
    for (int tensor : graph.nodes[node].inputs)
      if (there[tensor] >= 0)
        milp.fix(there[tensor], 1);
    for (int index = 0; index < graph.firstBackward; ++index)
      if (again[index] >= 0)
        for (int tensor : graph.nodes[index].inputs)
          if (there[tensor] >= 0) {
            Affine reader;
            reader.add(again[index], 1);
            require(tensor, reader);
          }
  }

  /// A bound of what is computed again.
  double solve(bool exact, const MilpOptions &options) const {
    MilpResult result = exact ? milp.solve(options) : milp.relax(options);
    return result.status == MilpResult::Status::Infeasible ? kInfinity
                                                           : std::max(0.0, result.bound);
  }

private:
  void require(int tensor, const Affine &wanted) {
    Affine row;
    row.add(there[tensor], 1);
    if (int writer = again[lifetimes.tensors[tensor].writer]; writer >= 0)
      row.add(writer, 1);
    row.add(wanted, -1);
    milp.addRow(row);
  }

  const Lifetimes &lifetimes;
  Milp milp;
  std::vector<int> again, there; ///< columns by node, by tensor
};
} // namespace

double nyala::remat::computeCutBound(const Lifetimes &lifetimes, const CutBoundOptions &options) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  auto remaining = [&] {
    return options.seconds - std::chrono::duration<double>(Clock::now() - begin).count();
  };
  int first = lifetimes.graph.firstBackward, end = lifetimes.getNodes();
  std::map<int, double> relaxed;
  MilpOptions milp;
  milp.threads = options.threads;
  milp.allowedGap = options.allowedGap;
  auto tryNode = [&](int node) {
    if (node >= first && node < end && remaining() > 0 && !relaxed.count(node))
      relaxed[node] = Cut(lifetimes, options.budget, node).solve(false, milp);
  };
  auto findBest = [&] {
    return std::max_element(relaxed.begin(), relaxed.end(),
                            [](auto &left, auto &right) { return left.second < right.second; });
  };
  int stride = std::max(1, (end - first) / kSamples);
  for (int node = first; node < end; node += stride)
    tryNode(node);
  if (relaxed.empty())
    return lifetimes.plainCost;
  // Halve the distance around the best one.
  for (; stride >= 1; stride /= 2) {
    int best = findBest()->first;
    for (int factor : {-2, -1, 1, 2})
      tryNode(best + factor * stride);
  }
  double bound = findBest()->second;
  if (!options.exact)
    return lifetimes.plainCost + bound;
  std::vector<std::pair<double, int>> ranked;
  for (auto [node, value] : relaxed)
    ranked.emplace_back(-value, node);
  llvm::sort(ranked);
  for (auto [value, node] : llvm::ArrayRef(ranked).take_front(kExact)) {
    milp.seconds = remaining() / 2;
    if (milp.seconds > 0)
      bound = std::max(bound, Cut(lifetimes, options.budget, node).solve(true, milp));
  }
  return lifetimes.plainCost + bound;
}
