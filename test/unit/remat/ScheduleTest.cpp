//===- ScheduleTest.cpp - Replays and what they refuse --------------------===//
#include "RandomGraph.h"

#include "passes/remat/Lifetimes.h"

#include <gmock/gmock.h>

using namespace nyala::remat;
using testing::HasSubstr;

namespace {

/// f0 -> f1 -> f2, b2, b1, b0.
Graph makeChain() { return test::makeUnitChain(3); }

std::string messageOf(const Graph &graph, const Schedule &schedule) {
  llvm::Expected<Replay> result = replay(graph, schedule);
  return result ? "" : llvm::toString(result.takeError());
}

TEST(Schedule, PlainKeepsEverything) {
  Graph graph = makeChain();
  Replay result = llvm::cantFail(replay(graph, makePlainSchedule(graph)));
  EXPECT_EQ(result.live, (std::vector<int64_t>{1, 2, 3, 4, 4, 3}));
  EXPECT_EQ(result.peak, 4);
  EXPECT_EQ(result.peakStep, 3);
  EXPECT_EQ(result.cost, 6);
}

TEST(Schedule, RecomputedTensorLivesTwice) {
  Graph graph = makeChain();
  Replay result = llvm::cantFail(replay(graph, {0, 1, 2, 3, 0, 1, 4, 5}));
  // f0's result goes after f1 has read it, f1's after f2.
  EXPECT_EQ(result.live, (std::vector<int64_t>{1, 2, 2, 2, 2, 3, 4, 3}));
  EXPECT_EQ(result.cost, 8);
}

TEST(Schedule, CountsFixedBytesWorkspaceAndResults) {
  Graph graph = makeChain();
  graph.fixedBytes = 10;
  graph.nodes[1].workspace = 5;
  graph.tensors[2].kept = true;
  Replay result = llvm::cantFail(replay(graph, makePlainSchedule(graph)));
  EXPECT_EQ(result.live, (std::vector<int64_t>{11, 17, 13, 14, 15, 14}));
}

TEST(Schedule, RefusesWrongSchedules) {
  Graph graph = makeChain();
  EXPECT_THAT(messageOf(graph, {0, 1, 2, 3, 4}), HasSubstr("node 5 (b0) never runs"));
  EXPECT_THAT(messageOf(graph, {0, 2, 1, 3, 4, 5}), HasSubstr("step 1 runs node 2 (f2) before"));
  EXPECT_THAT(messageOf(graph, {0, 1, 2, 3, 3, 4, 5}),
              HasSubstr("step 4 runs node 3 (b2) again, which must run once"));
  EXPECT_THAT(messageOf(graph, {0, 1, 2, 3, 4, 5, 6}), HasSubstr("step 6 runs node 6 of 6"));
  EXPECT_THAT(messageOf(graph, {-1}), HasSubstr("node -1"));
  graph.nodes[1].recomputable = false;
  EXPECT_THAT(messageOf(graph, {0, 1, 2, 3, 1, 4, 5}), HasSubstr("must run once"));
}

TEST(Schedule, RefusesWrongGraphs) {
  auto messageFor = [](auto change) {
    Graph graph = makeChain();
    change(graph);
    return llvm::toString(check(graph));
  };
  EXPECT_EQ(messageFor([](Graph &) {}), "");
  EXPECT_THAT(messageFor([](Graph &graph) { graph.nodes[0].inputs = {1}; }),
              HasSubstr("node 0 (f0) reads tensor 1 before it is written"));
  EXPECT_THAT(messageFor([](Graph &graph) { graph.nodes[0].inputs = {9}; }),
              HasSubstr("names tensor 9 of 6"));
  EXPECT_THAT(messageFor([](Graph &graph) { graph.tensors[0].bytes = -1; }),
              HasSubstr("tensor 0 has -1 bytes"));
  EXPECT_THAT(messageFor([](Graph &graph) { graph.nodes[1].cost = -2; }), HasSubstr("costs -2"));
  EXPECT_THAT(messageFor([](Graph &graph) { graph.nodes[4].recomputable = true; }),
              HasSubstr("of the backward part is marked recomputable"));
  EXPECT_THAT(messageFor([](Graph &graph) { graph.nodes[1].outputs = {0}; }),
              HasSubstr("writes tensor 0 with others"));
  EXPECT_THAT(messageFor([](Graph &graph) {
                graph.nodes[5].outputs.push_back(0);
                graph.nodes[0].recomputable = false;
              }),
              HasSubstr("node 1 (f1) is marked recomputable and reads tensor 0, which is written"));
  EXPECT_THAT(messageFor([](Graph &graph) { graph.firstBackward = 7; }),
              HasSubstr("begins at node 7 of 6"));
}

TEST(Schedule, OnDemandSchedulesReplay) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Graph graph = test::makeRandomGraph(seed, {8, true});
    ASSERT_EQ(llvm::toString(check(graph)), "") << "seed " << seed;
    Lifetimes lifetimes(graph);
    for (unsigned set = 0; set < 16; ++set) {
      KeepSet keep, transient;
      for (size_t tensor = 0; tensor < graph.tensors.size(); ++tensor) {
        keep.push_back(((seed * 7 + set * 13) >> (tensor % 7)) & 1);
        transient.push_back(((seed * 5 + set * 11) >> (tensor % 5)) & 1);
      }
      EXPECT_EQ(messageOf(graph, makeSchedule(lifetimes, keep)), "");
      EXPECT_EQ(messageOf(graph, makeSchedule(lifetimes, keep, &transient)), "");
    }
  }
}

} // namespace
