//===- Graph.h - A training step as rematerialization sees it ---*- C++ -*-===//
//
// Nodes in the order of the step, and the memory that they write and read. Knows
// neither IR nor solver: passes/remat/StepGraph.h makes one of a function, and a
// report (passes/remat/Report.h) holds one for anybody to replay.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_REMAT_GRAPH_H
#define NYALA_PASSES_REMAT_GRAPH_H

#include <cstdint>
#include <string>
#include <vector>

namespace nyala::remat {

/// Memory that lives from its first writer to its last reader.
struct Tensor {
  int64_t bytes = 0;
  /// Read after the step has ended (results): lives to the end once it is written.
  bool kept = false;
  /// A gradient of what is trained: part of the fixed state that percentages of a budget leave out.
  bool gradient = false;
};

/// What runs as one: a dispatch, or an op of a graph that is scheduled before dispatches form.
struct Node {
  std::string name;
  double cost = 0;          ///< of running it once; only ratios matter (FLOPs, seconds)
  int64_t workspace = 0;    ///< bytes that it needs while it runs
  std::vector<int> inputs;  ///< tensors that it reads
  std::vector<int> outputs; ///< tensors that it writes, or parts of them
  /// May it run again? Never true of nodes that write a tensor with others, or update a state.
  bool recomputable = false;
};

struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes; ///< in topological order: the order of the step that keeps everything
  int firstBackward = 0;   ///< nodes before it are the forward part
  int64_t fixedBytes = 0;  ///< weights, optimizer states, arguments: there throughout
};

/// Node indices in the order of execution; a node that occurs again is computed again. Inputs come
/// from the latest execution of their writers; memory is free after the last reader before the next
/// one.
using Schedule = std::vector<int>;

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_GRAPH_H
