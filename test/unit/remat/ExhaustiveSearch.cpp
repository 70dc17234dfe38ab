//===- ExhaustiveSearch.cpp - The best of all schedules -------------------===//
#include "ExhaustiveSearch.h"

#include <map>
#include <queue>

using namespace nyala::remat;

std::optional<double> test::findLeastCost(const Graph &graph, int64_t budget) {
  using Held = uint32_t;              // a bit a tensor
  using State = std::pair<int, Held>; // nodes that have run, what is held
  int nodes = graph.nodes.size();
  auto bytes = [&](Held held) {
    int64_t sum = graph.fixedBytes;
    for (size_t tensor = 0; tensor < graph.tensors.size(); ++tensor)
      if (held >> tensor & 1)
        sum += graph.tensors[tensor].bytes;
    return sum;
  };
  auto mask = [](const std::vector<int> &tensors) {
    Held held = 0;
    for (int tensor : tensors)
      held |= Held(1) << tensor;
    return held;
  };
  std::vector<int> lastWriter(graph.tensors.size(), -1), firstWriter(graph.tensors.size(), -1);
  for (int node = 0; node < nodes; ++node)
    for (int tensor : graph.nodes[node].outputs) {
      if (firstWriter[tensor] < 0)
        firstWriter[tensor] = node;
      lastWriter[tensor] = node;
    }

  std::map<State, double> distance;
  using Entry = std::pair<double, State>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  auto visit = [&](State state, double cost) {
    auto [place, isNew] = distance.try_emplace(state, cost);
    if (!isNew && place->second <= cost)
      return;
    place->second = cost;
    queue.push({cost, state});
  };
  visit({0, 0}, 0);
  Held results = 0;
  for (size_t tensor = 0; tensor < graph.tensors.size(); ++tensor)
    if (graph.tensors[tensor].kept && lastWriter[tensor] >= 0)
      results |= Held(1) << tensor;
  while (!queue.empty()) {
    auto [cost, state] = queue.top();
    queue.pop();
    if (distance[state] < cost)
      continue;
    auto [done, held] = state;
    if (done == nodes && (held & results) == results)
      return cost;
    for (size_t tensor = 0; tensor < graph.tensors.size(); ++tensor)
      // What others still write to cannot go.
      if (held >> tensor & 1 && lastWriter[tensor] < done)
        visit({done, held & ~(Held(1) << tensor)}, cost);
    for (int index = 0; index <= done && index < nodes; ++index) {
      const Node &node = graph.nodes[index];
      if (index < done && !node.recomputable)
        continue;
      if ((mask(node.inputs) & ~held) != 0)
        continue;
      Held next = held;
      bool writable = true;
      for (int tensor : node.outputs) {
        // Later writers add to what the first one began.
        writable &= index == firstWriter[tensor] || (held >> tensor & 1);
        next |= Held(1) << tensor;
      }
      if (writable && bytes(next) + node.workspace <= budget)
        visit({std::max(done, index + 1), next}, cost + node.cost);
    }
  }
  return std::nullopt;
}
