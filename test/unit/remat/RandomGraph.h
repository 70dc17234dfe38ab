//===- RandomGraph.h - Small training steps at random -----------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_REMAT_RANDOMGRAPH_H
#define NYALA_TEST_UNIT_REMAT_RANDOMGRAPH_H

#include "passes/remat/Graph.h"

namespace nyala::remat::test {

struct RandomGraphOptions {
  int forward = 6;
  /// Nodes with two results, nodes that must not run again, results of the step, workspaces, two
  /// writers of a tensor.
  bool irregular = false;
};

/// A forward part whose nodes read one or two earlier tensors, and a backward part whose nodes read
/// the gradient and what their forward node read or wrote.
Graph makeRandomGraph(unsigned seed, const RandomGraphOptions &options);

/// `length` forward nodes in a row and their backward nodes. Links and gradients of one byte, costs
/// of one.
Graph makeUnitChain(int length);

} // namespace nyala::remat::test

#endif // NYALA_TEST_UNIT_REMAT_RANDOMGRAPH_H
