//===- Lifetimes.cpp - Which tensors a schedule may choose about ----------===//
#include "passes/remat/Lifetimes.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace nyala::remat;

Lifetimes::Lifetimes(const Graph &graph)
    : graph(graph), tensors(graph.tensors.size()), stageOf(graph.nodes.size(), -1),
      constantAt(graph.nodes.size(), graph.fixedBytes), constantBefore(constantAt) {
  int nodes = getNodes(), forward = graph.firstBackward;
  std::vector<int> lastAccess(tensors.size(), -1), writers(tensors.size());
  std::vector<char> pinned(tensors.size());
  for (auto [position, node] : llvm::enumerate(graph.nodes)) {
    int index = position;
    plainCost += node.cost;
    bool once = isOnce(node);
    constantAt[index] += node.workspace;
    for (int tensor : node.outputs) {
      TensorUses &uses = tensors[tensor];
      if (uses.writer < 0) {
        uses.writer = index;
        uses.kind = index < forward ? TensorUses::Kind::Droppable : TensorUses::Kind::Constant;
      }
      if (index >= forward)
        uses.kind = TensorUses::Kind::Constant;
      else
        uses.lastForward = index;
      pinned[tensor] |= once;
      lastAccess[tensor] = index;
    }
    for (int tensor : node.inputs) {
      TensorUses &uses = tensors[tensor];
      lastAccess[tensor] = index;
      if (index >= forward) {
        uses.firstBackward = uses.firstBackward < 0 ? index : uses.firstBackward;
        uses.lastBackward = index;
        continue;
      }
      uses.lastForward = index;
      if (!once && (uses.consumers.empty() || uses.consumers.back() != index))
        uses.consumers.push_back(index);
    }
  }

  std::vector<int64_t> change(nodes + 1);
  for (auto [tensor, uses] : llvm::enumerate(tensors)) {
    if (uses.writer < 0)
      continue;
    bool kept = graph.tensors[tensor].kept;
    if (uses.kind != TensorUses::Kind::Constant) {
      if (pinned[tensor])
        uses.kind = TensorUses::Kind::Pinned;
      if (kept && forward < nodes) {
        uses.firstBackward = forward;
        uses.lastBackward = nodes - 1;
      }
      continue;
    }
    int last = kept ? nodes - 1 : lastAccess[tensor];
    for (int node = uses.writer; node <= last; ++node) {
      constantAt[node] += getBytes(tensor);
      if (node > uses.writer)
        constantBefore[node] += getBytes(tensor);
    }
  }

  std::vector<char> isStage(nodes);
  for (auto [tensor, uses] : llvm::enumerate(tensors))
    if (isDroppable(tensor) && uses.firstBackward >= 0)
      isStage[uses.firstBackward] = true;
  for (int node = forward; node < nodes; ++node) {
    if (isStage[node])
      stages.push_back(node);
    stageOf[node] = static_cast<int>(stages.size()) - 1;
  }
  settledAt = stages;
}

std::vector<int64_t> Lifetimes::findTaken() const {
  std::vector<int64_t> taken = constantAt, change(getNodes() + 1);
  for (auto [tensor, uses] : llvm::enumerate(tensors))
    if (uses.kind != TensorUses::Kind::Constant && uses.firstBackward >= 0) {
      change[uses.firstBackward] += getBytes(tensor);
      change[uses.lastBackward + 1] -= getBytes(tensor);
    }
  int64_t read = 0;
  for (int node = 0; node < getNodes(); ++node)
    taken[node] += read += change[node];
  return taken;
}

Lifetimes Lifetimes::coarsen(int count) const {
  Lifetimes result = *this;
  int fine = stages.size();
  if (count >= fine)
    return result;
  std::vector<int64_t> taken = findTaken();
  auto mostIn = [&](int stage) {
    int end = stage + 1 < fine ? stages[stage + 1] : getNodes();
    return *std::max_element(taken.begin() + stages[stage], taken.begin() + end);
  };
  result.stages.clear();
  result.settledAt.clear();
  for (int part = 1, begin = 0, chunk = 0; part <= count && chunk < fine; ++part) {
    // The square of how far it is, and one at least.
    int end =
        std::max<int64_t>(chunk + 1, static_cast<int64_t>(fine) * part * part / count / count);
    int last = chunk;
    for (int stage = chunk; stage < end; ++stage)
      if (mostIn(stage) > mostIn(last))
        last = stage;
    if (end == fine)
      last = fine - 1;
    result.stages.push_back(stages[begin]);
    result.settledAt.push_back(stages[last]);
    begin = last + 1;
    chunk = end;
  }
  for (int node = graph.firstBackward, stage = -1; node < getNodes(); ++node) {
    if (stage + 1 < static_cast<int>(result.stages.size()) && node == result.stages[stage + 1])
      ++stage;
    result.stageOf[node] = stage;
  }
  return result;
}

bool Lifetimes::isOnce(const Node &node) const {
  return !node.recomputable ||
         llvm::any_of(node.outputs, [&](int tensor) { return graph.tensors[tensor].kept; });
}

Schedule nyala::remat::makeSchedule(const Lifetimes &lifetimes, const KeepSet &keep,
                                    const KeepSet *transient) {
  const Graph &graph = lifetimes.graph;
  int forward = graph.firstBackward;
  Schedule schedule;
  schedule.reserve(graph.nodes.size() * 3 / 2);
  for (int node = 0; node < forward; ++node)
    schedule.push_back(node);
  std::vector<char> available(graph.tensors.size(), true), marked(forward);
  for (int tensor = 0, end = graph.tensors.size(); tensor < end; ++tensor)
    available[tensor] = !lifetimes.isDroppable(tensor) || keep[tensor];

  std::vector<int> needed, passing;
  for (int node = forward; node < lifetimes.getNodes(); ++node) {
    needed.clear();
    auto demand = [&](int reader) {
      for (int tensor : graph.nodes[reader].inputs) {
        int writer = lifetimes.tensors[tensor].writer;
        if (!available[tensor] && !marked[writer]) {
          marked[writer] = true;
          needed.push_back(writer);
        }
      }
    };
    demand(node);
    for (size_t i = 0; i < needed.size(); ++i)
      demand(needed[i]);
    std::sort(needed.begin(), needed.end());
    passing.clear();
    for (int again : needed) {
      schedule.push_back(again);
      marked[again] = false;
      for (int tensor : graph.nodes[again].outputs) {
        if (transient && (*transient)[tensor] && !available[tensor])
          passing.push_back(tensor);
        available[tensor] = true;
      }
    }
    schedule.push_back(node);
    for (int tensor : passing)
      available[tensor] = false;
  }
  return schedule;
}
