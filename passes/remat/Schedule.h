//===- Schedule.h - What a schedule needs and costs -------------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_SCHEDULE_H
#define NYALA_PASSES_REMAT_SCHEDULE_H

#include "passes/remat/Graph.h"

#include "llvm/Support/Error.h"

namespace nyala::remat {

/// Is the graph one that can be scheduled? Indices in range, bytes and costs not negative, no
/// tensor read before a node has written it (so no cycle), and what is recomputable a forward node
/// that alone writes its outputs and whose inputs nothing writes later. Errors name the node.
llvm::Error check(const Graph &graph);

/// What a schedule does, found by executing it step by step.
struct Replay {
  int64_t peak = 0;          ///< bytes, fixed ones and workspace included
  int peakStep = 0;          ///< the first position in the schedule where it is reached
  double cost = 0;           ///< of all executions
  std::vector<int64_t> live; ///< bytes at each step, fixed ones and workspace included
};

/// Executes `schedule`: every node once or more, first executions in the order of the graph, again
/// only what may run again. Errors name the node and the step. The graph must have passed `check`.
llvm::Expected<Replay> replay(const Graph &graph, const Schedule &schedule);

/// A tensor's life from a writer to its last reader: steps of the schedule, both included.
struct Instance {
  int tensor;
  int firstStep, lastStep;
};

/// The lives of all tensors under a schedule that `replay` accepts, by first step.
std::vector<Instance> findInstances(const Graph &graph, const Schedule &schedule);

/// Each node once, in the order of the graph.
Schedule makePlainSchedule(const Graph &graph);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_SCHEDULE_H
