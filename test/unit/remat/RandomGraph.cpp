//===- RandomGraph.cpp - Small training steps at random -------------------===//
#include "RandomGraph.h"

#include <random>

using namespace nyala::remat;

Graph test::makeRandomGraph(unsigned seed, const RandomGraphOptions &options) {
  std::mt19937 random(seed);
  auto pick = [&](int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  };
  auto chance = [&](int percent) { return pick(1, 100) <= percent; };
  Graph graph;
  auto addTensor = [&](int64_t bytes) {
    graph.tensors.push_back({bytes});
    return static_cast<int>(graph.tensors.size()) - 1;
  };
  graph.fixedBytes = options.irregular ? pick(0, 5) : 0;
  for (int i = 0; i < options.forward; ++i) {
    Node node;
    node.name = "f" + std::to_string(i);
    node.cost = pick(1, 9);
    node.recomputable = true;
    if (i > 0)
      node.inputs.push_back(graph.nodes[i - 1].outputs.front());
    if (i > 1 && chance(40))
      node.inputs.push_back(graph.nodes[pick(0, i - 2)].outputs.back());
    node.outputs.push_back(addTensor(pick(1, 9)));
    if (options.irregular) {
      if (chance(25))
        node.outputs.push_back(addTensor(pick(1, 4)));
      if (chance(15))
        node.recomputable = false;
      if (chance(10))
        graph.tensors[node.outputs.back()].kept = true;
      if (chance(20))
        node.workspace = pick(1, 5);
      if (i > 0 && chance(10) && !graph.nodes[i - 1].recomputable) {
        node.outputs.front() = graph.nodes[i - 1].outputs.front();
        node.inputs.clear();
        node.recomputable = false;
      }
    }
    graph.nodes.push_back(node);
  }
  // What reads a tensor that is written later cannot run again.
  for (int i = 0; i < options.forward; ++i)
    for (int tensor : graph.nodes[i].inputs)
      for (int j = i; j < options.forward; ++j)
        for (int output : graph.nodes[j].outputs)
          if (output == tensor)
            graph.nodes[i].recomputable = false;
  graph.firstBackward = options.forward;
  int gradient = -1;
  for (int i = options.forward - 1; i >= 0; --i) {
    Node node;
    node.name = "b" + std::to_string(i);
    node.cost = pick(1, 9);
    if (gradient >= 0)
      node.inputs.push_back(gradient);
    const Node &forward = graph.nodes[i];
    for (int tensor : forward.inputs)
      if (chance(60))
        node.inputs.push_back(tensor);
    for (int tensor : forward.outputs)
      if (chance(40))
        node.inputs.push_back(tensor);
    if (options.irregular && chance(20))
      node.workspace = pick(1, 5);
    gradient = addTensor(pick(1, 6));
    node.outputs.push_back(gradient);
    if (options.irregular && chance(20)) {
      node.outputs.push_back(addTensor(pick(1, 3)));
      graph.tensors.back().kept = true;
    }
    graph.nodes.push_back(node);
  }
  return graph;
}

Graph test::makeUnitChain(int length) {
  Graph graph;
  graph.tensors.assign(2 * length, Tensor{1});
  graph.firstBackward = length;
  for (int i = 0; i < length; ++i) {
    Node node{"f" + std::to_string(i), 1, 0, {}, {i}, true};
    if (i > 0)
      node.inputs.push_back(i - 1);
    graph.nodes.push_back(node);
  }
  for (int i = length - 1; i >= 0; --i) {
    int gradient = 2 * length - 1 - i;
    Node node{"b" + std::to_string(i), 1, 0, {i}, {gradient}, false};
    if (i < length - 1)
      node.inputs.push_back(gradient - 1);
    graph.nodes.push_back(node);
  }
  return graph;
}
