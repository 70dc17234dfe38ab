//===- RetentionTest.cpp - Integer programs against all schedules ---------===//
#include "ExhaustiveSearch.h"
#include "RandomGraph.h"

#include "passes/remat/Annealing.h"
#include "passes/remat/CutBound.h"
#include "passes/remat/Heuristics.h"
#include "passes/remat/RetentionIntervals.h"
#include "passes/remat/TransientModel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

using namespace nyala::remat;

namespace {

/// The cheapest keep-set that fits, by trying all.
std::optional<double> findLeastRetained(const Lifetimes &lifetimes, int64_t budget) {
  std::vector<int> choices;
  for (size_t tensor = 0; tensor < lifetimes.tensors.size(); ++tensor)
    if (lifetimes.isDroppable(tensor) && lifetimes.isWanted(tensor))
      choices.push_back(tensor);
  std::optional<double> least;
  for (unsigned set = 0; set < 1u << choices.size(); ++set) {
    KeepSet keep(lifetimes.tensors.size());
    for (size_t i = 0; i < choices.size(); ++i)
      keep[choices[i]] = set >> i & 1;
    Replay replayed = llvm::cantFail(replay(lifetimes.graph, makeSchedule(lifetimes, keep)));
    if (replayed.peak <= budget && (!least || replayed.cost < *least))
      least = replayed.cost;
  }
  return least;
}

void compare(unsigned seed, bool irregular) {
  Graph graph = test::makeRandomGraph(seed, {6, irregular});
  Lifetimes lifetimes(graph);
  int64_t plainPeak = llvm::cantFail(replay(graph, makePlainSchedule(graph))).peak;
  for (int64_t budget = plainPeak - 1; budget > plainPeak / 2; budget -= 3) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " budget " + std::to_string(budget));
    std::optional<double> least = test::findLeastCost(graph, budget);
    std::optional<double> retained = findLeastRetained(lifetimes, budget);
    RetentionOptions options;
    options.budget = budget;
    RetentionResult result = solveRetention(lifetimes, options);
    if (retained) {
      EXPECT_FALSE(result.infeasible);
      ASSERT_TRUE(result.keep);
      EXPECT_NEAR(result.cost, *retained, 1e-6);
      EXPECT_LE(result.bound, *retained + 1e-6);
      EXPECT_LE(llvm::cantFail(replay(graph, makeSchedule(lifetimes, *result.keep))).peak, budget);
    } else {
      EXPECT_FALSE(result.keep);
    }
    options.diveBelow = std::numeric_limits<double>::infinity();
    // Fewer stages ask less: the bound holds, and what is found has been replayed.
    for (int stages = lifetimes.stages.size(); stages > 0; stages -= 2) {
      SCOPED_TRACE("stages " + std::to_string(stages));
      RetentionResult near = solveRetention(lifetimes.coarsen(stages), options);
      if (near.keep) {
        EXPECT_LE(llvm::cantFail(replay(graph, makeSchedule(lifetimes, *near.keep))).peak, budget);
        EXPECT_GE(near.cost, *retained - 1e-6);
      }
      if (retained) {
        EXPECT_FALSE(near.infeasible);
        EXPECT_LE(near.bound, *retained + 1e-6);
      }
    }
    for (bool exact : {false, true}) {
      double bound = computeCutBound(lifetimes, {budget, exact});
      if (least)
        EXPECT_LE(bound, *least + 1e-6);
      if (!exact || !least)
        continue;
      EXPECT_GE(bound, lifetimes.plainCost - 1e-6);
    }
  }
}

TEST(Retention, EqualsAllKeepSets) {
  for (unsigned seed = 0; seed < 25; ++seed)
    compare(seed, false);
}

TEST(Retention, EqualsAllKeepSetsOfIrregularGraphs) {
  for (unsigned seed = 0; seed < 50; ++seed)
    compare(seed, true);
}

/// Never cheaper than all schedules, and sometimes than all that recompute a node once.
TEST(Transient, RecomputesRepeatedly) {
  int better = 0, equal = 0;
  for (unsigned seed = 300; seed < 330; ++seed) {
    Graph graph = test::makeRandomGraph(seed, {6, false});
    Lifetimes lifetimes(graph);
    int64_t plainPeak = llvm::cantFail(replay(graph, makePlainSchedule(graph))).peak;
    for (int64_t budget = plainPeak - 1; budget > plainPeak / 2; budget -= 2) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " budget " + std::to_string(budget));
      std::optional<TransientSets> result = solveTransient(lifetimes, {budget});
      std::optional<double> least = test::findLeastCost(graph, budget);
      if (!result) {
        EXPECT_FALSE(findLeastRetained(lifetimes, budget));
        continue;
      }
      Replay replayed =
          llvm::cantFail(replay(graph, makeSchedule(lifetimes, result->keep, &result->transient)));
      if (replayed.peak > budget)
        continue;
      ASSERT_TRUE(least);
      EXPECT_GE(replayed.cost, *least - 1e-6);
      std::optional<double> retained = findLeastRetained(lifetimes, budget);
      better += !retained || replayed.cost < *retained - 1e-6;
      equal += replayed.cost <= *least + 1e-6;
    }
  }
  EXPECT_GT(better, 0);
  EXPECT_GT(equal, 50);
}

/// Mostly the optimum of all schedules.
TEST(Annealing, FindsWhatIsCheapest) {
  int solved = 0, optimal = 0;
  for (unsigned seed = 300; seed < 315; ++seed) {
    Graph graph = test::makeRandomGraph(seed, {6, seed % 2 == 1});
    Lifetimes lifetimes(graph);
    int64_t plainPeak = llvm::cantFail(replay(graph, makePlainSchedule(graph))).peak;
    for (int64_t budget = plainPeak - 1; budget > plainPeak / 2; budget -= 2) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " budget " + std::to_string(budget));
      AnnealingOptions options{budget, 1, 20'000};
      Schedule schedule = anneal(lifetimes, options, [] { return true; });
      EXPECT_EQ(schedule, anneal(lifetimes, options, [] { return true; }));
      std::optional<double> least = test::findLeastCost(graph, budget);
      Replay replayed = llvm::cantFail(replay(graph, schedule));
      if (!least) {
        EXPECT_GT(replayed.peak, budget);
        continue;
      }
      ++solved;
      if (replayed.peak > budget)
        continue;
      EXPECT_GE(replayed.cost, *least - 1e-6);
      optimal += replayed.cost <= *least + 1e-6;
      // From a schedule that is known nothing worse comes.
      options.from = &schedule;
      Schedule again = anneal(lifetimes, options, [] { return false; });
      EXPECT_EQ(llvm::cantFail(replay(graph, again)).cost, replayed.cost);
    }
  }
  // Others run a node twice for the same reader, or in another order.
  EXPECT_GE(optimal, solved * 7 / 10) << optimal << " of " << solved;
}

} // namespace
