//===- SolveTest.cpp - Schedules within a budget, with a bound ------------===//
#include "ExhaustiveSearch.h"
#include "RandomGraph.h"

#include "passes/remat/Solve.h"

#include <gmock/gmock.h>

using namespace nyala::remat;
using testing::HasSubstr;

namespace {

TEST(Solve, BoundsHoldForAllSchedules) {
  int solved = 0, optimal = 0;
  for (unsigned seed = 100; seed < 140; ++seed) {
    Graph graph = test::makeRandomGraph(seed, {6, seed % 2 == 1});
    int64_t plainPeak = llvm::cantFail(replay(graph, makePlainSchedule(graph))).peak;
    for (int64_t budget = plainPeak; budget > plainPeak / 2; budget -= 4) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " budget " + std::to_string(budget));
      SolveOptions options;
      options.budget = budget;
      options.timeLimit = 5;
      std::optional<double> least = test::findLeastCost(graph, budget);
      llvm::Expected<Plan> plan = solve(graph, options);
      if (!plan) {
        llvm::handleAllErrors(plan.takeError(), [&](const InfeasibleError &error) {
          EXPECT_GT(error.nearest, budget);
          EXPECT_TRUE(!least || error.floor <= budget);
          EXPECT_TRUE(test::findLeastCost(graph, error.nearest).has_value());
        });
        continue;
      }
      ASSERT_TRUE(least);
      ++solved;
      EXPECT_LE(plan->replayed.peak, budget);
      EXPECT_GE(plan->replayed.cost, *least - 1e-6);
      if (plan->boundClass.find("at most once") == std::string::npos)
        EXPECT_LE(plan->bound, *least + 1e-6);
      EXPECT_LE(plan->bound, plan->replayed.cost + 1e-6);
      EXPECT_EQ(plan->certified, plan->overhead - plan->overheadBound <= 1e-3);
      optimal += plan->replayed.cost <= *least + 1e-6;
    }
  }
  // Recomputing a node twice rarely pays.
  EXPECT_GE(optimal, solved * 9 / 10) << optimal << " of " << solved;
}

TEST(Solve, LeavesAloneWhatFits) {
  Graph graph = test::makeUnitChain(5);
  SolveOptions options;
  options.budget = 100;
  Plan plan = llvm::cantFail(solve(graph, options));
  EXPECT_EQ(plan.schedule, makePlainSchedule(graph));
  EXPECT_EQ(plan.method, "none");
  EXPECT_EQ(plan.overhead, 0);
  EXPECT_TRUE(plan.certified);
}

TEST(Solve, NamesTheFloor) {
  Graph graph = test::makeUnitChain(5);
  graph.tensors[2].bytes = 7;
  SolveOptions options;
  for (int64_t budget : {0, 8}) {
    options.budget = budget;
    llvm::Expected<Plan> plan = solve(graph, options);
    ASSERT_FALSE(plan);
    std::string message;
    llvm::handleAllErrors(plan.takeError(), [&](const InfeasibleError &error) {
      EXPECT_EQ(error.floor, 9);
      EXPECT_EQ(error.floorName, "b2");
      EXPECT_GE(error.nearest, 9);
      options.budget = error.nearest;
      message = error.message();
    });
    EXPECT_THAT(message, HasSubstr("(b2) alone needs 9 bytes"));
    Plan nearest = llvm::cantFail(solve(graph, options));
    EXPECT_LE(nearest.replayed.peak, options.budget);
  }
}

TEST(Solve, IsNoWorseThanWhatIsKnown) {
  Graph graph = test::makeUnitChain(12);
  SolveOptions options;
  options.budget = 6;
  Plan optimal = llvm::cantFail(solve(graph, options));
  options.known = {optimal.schedule};
  options.method = Method::Greedy;
  EXPECT_EQ(llvm::cantFail(solve(graph, options)).replayed.cost, optimal.replayed.cost);
}

TEST(Solve, OutOfTimeTakesTheBestHeuristic) {
  Graph graph = test::makeUnitChain(12);
  graph.nodes[11].inputs.push_back(0);
  SolveOptions options;
  options.budget = 10;
  options.timeLimit = 0;
  Plan plan = llvm::cantFail(solve(graph, options));
  EXPECT_LE(plan.replayed.peak, 10);
  EXPECT_FALSE(plan.method.empty());
}

TEST(Solve, RefusesWrongGraphs) {
  Graph graph = test::makeUnitChain(3);
  graph.nodes[0].inputs = {2};
  EXPECT_THAT(llvm::toString(solve(graph, {}).takeError()), HasSubstr("has a cycle"));
}

} // namespace
