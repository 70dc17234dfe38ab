//===- FitArenaTest.cpp - Schedules whose arena fits a budget -------------===//
#include "RandomGraph.h"

#include "passes/remat/FitArena.h"

#include <gtest/gtest.h>

using namespace nyala::remat;

namespace {

/// Sizes as StepGraph makes them: multiples of the arena's alignment.
Graph makeAlignedGraph(unsigned seed) {
  Graph graph = test::makeRandomGraph(seed, {12, seed % 2 == 1});
  for (Tensor &tensor : graph.tensors)
    tensor.bytes *= 64;
  return graph;
}

TEST(FitArena, KeepsToTheBudget) {
  int fitted = 0;
  for (unsigned seed = 0; seed < 5; ++seed) {
    Graph graph = makeAlignedGraph(seed);
    int64_t plain = graph.fixedBytes + planArena(graph, makePlainSchedule(graph));
    for (int64_t budget = plain; budget > plain / 2; budget -= plain / 16) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " budget " + std::to_string(budget));
      SolveOptions options;
      options.budget = budget;
      options.timeLimit = 0.1;
      llvm::Expected<PlacedPlan> placed = fitArena(graph, options);
      if (!placed) {
        llvm::handleAllErrors(placed.takeError(), [&](const InfeasibleError &error) {
          EXPECT_GT(error.nearest, budget);
        });
        break;
      }
      ++fitted;
      EXPECT_LE(placed->peak, budget);
      EXPECT_EQ(placed->peak, graph.fixedBytes + planArena(graph, placed->plan.schedule));
      EXPECT_GE(placed->peak, placed->plan.replayed.peak);
      EXPECT_LE(placed->plan.bound, placed->plan.replayed.cost);
      EXPECT_EQ(placed->plan.certified,
                placed->plan.overhead - placed->plan.overheadBound <= kCertified);
    }
  }
  EXPECT_GT(fitted, 5);
}

TEST(FitArena, LeavesAloneWhatFits) {
  Graph graph = makeAlignedGraph(1);
  SolveOptions options;
  options.budget = graph.fixedBytes + planArena(graph, makePlainSchedule(graph));
  PlacedPlan placed = llvm::cantFail(fitArena(graph, options));
  EXPECT_EQ(placed.plan.schedule, makePlainSchedule(graph));
  EXPECT_EQ(placed.peak, options.budget);
}

} // namespace
