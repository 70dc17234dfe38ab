//===- ChainTest.cpp - Linear chains against what is known ----------------===//
#include "ExhaustiveSearch.h"
#include "RandomGraph.h"

#include "passes/remat/Chain.h"
#include "passes/remat/Solve.h"

#include <gtest/gtest.h>

using namespace nyala::remat;

namespace {

double choose(int n, int k) {
  double result = 1;
  for (int i = 1; i <= k; ++i)
    result = result * (n - k + i) / i;
  return result;
}

/// Griewank and Walther 2000: forward steps that reversing `steps` steps takes with `snapshots`,
/// that of the initial state included, beside the one that each reversal does.
double countRevolveSteps(int steps, int snapshots) {
  int repeats = 0;
  while (choose(snapshots + repeats, snapshots) < steps)
    ++repeats;
  return repeats * steps - choose(snapshots + repeats, repeats - 1);
}

TEST(Chain, CountsAsRevolve) {
  EXPECT_EQ(countRevolveSteps(2, 1), 1);
  EXPECT_EQ(countRevolveSteps(3, 1), 3);
  EXPECT_EQ(countRevolveSteps(10, 3), 15);
}

/// Link i is the state that the backward step of step i + 1 reads; reversing the first step needs
/// the initial state alone, so a chain of n links is n + 1 steps of which the last has no forward
/// node.
TEST(Chain, EqualsRevolve) {
  for (int links : {2, 3, 5, 8, 13, 21, 34})
    for (int snapshots = 1; snapshots <= links + 1; ++snapshots) {
      // A snapshot is advanced in place there; here a link and its successor are there at once. So
      // that this room stores nothing more, a backward node needs it too.
      Graph graph = test::makeUnitChain(links);
      for (int i = 0; i < links; ++i) {
        graph.tensors[links + i].bytes = 0;
        graph.nodes[links + i].workspace = 1;
      }
      Lifetimes lifetimes(graph);
      std::optional<ChainResult> result = solveChain(lifetimes, snapshots - 1 + 2);
      ASSERT_TRUE(result) << links << " links, " << snapshots << " snapshots";
      EXPECT_TRUE(result->optimal);
      Replay replayed = llvm::cantFail(replay(graph, result->schedule));
      EXPECT_LE(replayed.peak, snapshots - 1 + 2);
      EXPECT_EQ(replayed.cost - links, countRevolveSteps(links + 1, snapshots))
          << links << " links, " << snapshots << " snapshots";
    }
}

TEST(Chain, EqualsAllSchedules) {
  for (int links = 2; links <= 7; ++links)
    for (int64_t budget = 2; budget <= links + 2; ++budget) {
      Graph graph = test::makeUnitChain(links);
      graph.nodes[links / 2].cost = 3;
      std::optional<double> least = test::findLeastCost(graph, budget);
      std::optional<ChainResult> result = solveChain(Lifetimes(graph), budget);
      ASSERT_EQ(result.has_value(), least.has_value()) << links << " links, " << budget;
      if (result) {
        EXPECT_EQ(llvm::cantFail(replay(graph, result->schedule)).cost, *least)
            << links << " links, " << budget << " bytes";
      }
    }
}

TEST(Chain, UnequalSizesFit) {
  Graph graph = test::makeUnitChain(12);
  for (int i = 0; i < 12; ++i)
    graph.tensors[i].bytes = 1 + i % 4;
  for (int64_t budget = 6; budget < 32; ++budget)
    if (std::optional<ChainResult> result = solveChain(Lifetimes(graph), budget)) {
      EXPECT_FALSE(result->optimal);
      EXPECT_LE(llvm::cantFail(replay(graph, result->schedule)).peak, budget);
    }
}

TEST(Chain, OthersAreNone) {
  Graph graph = test::makeUnitChain(4);
  graph.nodes[3].inputs.push_back(0);
  EXPECT_FALSE(solveChain(Lifetimes(graph), 100));
}

TEST(Chain, SolvedAndCertified) {
  Graph graph = test::makeUnitChain(30);
  SolveOptions options;
  options.budget = 6;
  Plan plan = llvm::cantFail(solve(graph, options));
  EXPECT_EQ(plan.method, "chain");
  EXPECT_TRUE(plan.certified);
  EXPECT_EQ(plan.bound, plan.replayed.cost);
}

} // namespace
