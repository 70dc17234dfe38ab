//===- CheckmateTest.cpp - Checkmate's program against all schedules ------===//
#include "ExhaustiveSearch.h"
#include "RandomGraph.h"

#include "passes/remat/CheckmateModel.h"
#include "passes/remat/Solve.h"

#include <gmock/gmock.h>

using namespace nyala::remat;
using testing::HasSubstr;

namespace {

/// All nodes may run again, as published.
Graph makeAllRecomputable(Graph graph) {
  graph.firstBackward = graph.nodes.size();
  for (Node &node : graph.nodes)
    node.recomputable = true;
  return graph;
}

double solveStaged(const Graph &graph, int64_t budget, bool tight) {
  CheckmateOptions options;
  options.budget = budget;
  options.tight = tight;
  CheckmateResult result = solveCheckmate(graph, options);
  if (result.infeasible)
    return kInfinity;
  EXPECT_TRUE(result.schedule);
  Replay replayed = llvm::cantFail(replay(graph, *result.schedule));
  EXPECT_LE(replayed.peak, budget);
  EXPECT_NEAR(replayed.cost, result.bound, 1e-6);
  return replayed.cost;
}

TEST(Checkmate, EqualsAllSchedules) {
  for (unsigned seed = 200; seed < 206; ++seed)
    for (bool everything : {false, true}) {
      Graph graph = test::makeRandomGraph(seed, {5, false});
      if (everything)
        graph = makeAllRecomputable(graph);
      int64_t plainPeak = llvm::cantFail(replay(graph, makePlainSchedule(graph))).peak;
      for (int64_t budget = plainPeak - 1; budget > plainPeak / 2; budget -= 4) {
        SCOPED_TRACE("seed " + std::to_string(seed) + " budget " + std::to_string(budget));
        double least = test::findLeastCost(graph, budget).value_or(kInfinity);
        double tight = solveStaged(graph, budget, true);
        EXPECT_EQ(tight, least);
        EXPECT_EQ(solveStaged(graph, budget, false), least);
      }
    }
}

/// Its class of schedules is larger than that of each formulation of ours, which rarely pays.
TEST(Checkmate, IsRarelyBetterThanOurs) {
  int solved = 0, equal = 0;
  for (unsigned seed = 210; seed < 222; ++seed) {
    Graph graph = test::makeRandomGraph(seed, {6, false});
    int64_t plainPeak = llvm::cantFail(replay(graph, makePlainSchedule(graph))).peak;
    for (int64_t budget = plainPeak - 1; budget > plainPeak / 2; budget -= 4) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " budget " + std::to_string(budget));
      SolveOptions options;
      options.budget = budget;
      llvm::Expected<Plan> ours = solve(graph, options);
      options.method = Method::CheckmateTight;
      llvm::Expected<Plan> theirs = solve(graph, options);
      double cost = ours ? ours->replayed.cost : kInfinity;
      double least = theirs ? theirs->replayed.cost : kInfinity;
      EXPECT_GE(cost, least - 1e-6);
      solved += !!theirs;
      equal += theirs && cost <= least + 1e-6;
      llvm::consumeError(llvm::joinErrors(ours.takeError(), theirs.takeError()));
    }
  }
  EXPECT_GT(solved, 30);
  EXPECT_GE(equal, solved - 2) << equal << " of " << solved;
}

TEST(Checkmate, RefusesSeveralWriters) {
  Graph graph = test::makeUnitChain(3);
  graph.nodes[5].outputs.push_back(4);
  SolveOptions options;
  options.budget = 3;
  options.method = Method::Checkmate;
  EXPECT_THAT(llvm::toString(solve(graph, options).takeError()), HasSubstr("one writer each"));
}

} // namespace
