//===- ReportTest.cpp - Reports as JSON -----------------------------------===//
#include "RandomGraph.h"

#include "passes/remat/Report.h"

#include <gmock/gmock.h>

using namespace nyala::remat;
using testing::HasSubstr;

namespace {

TEST(Report, GraphsComeBack) {
  Graph graph = test::makeRandomGraph(5, {8, true});
  llvm::json::Value json = toJson(graph);
  Graph read = llvm::cantFail(graphFromJson(json));
  EXPECT_EQ(toJson(read), json);
}

TEST(Report, RefusesWhatIsNoGraph) {
  auto messageOf = [](llvm::StringRef text) {
    llvm::Expected<Graph> graph = graphFromJson(llvm::cantFail(llvm::json::parse(text)));
    return graph ? "" : llvm::toString(graph.takeError());
  };
  EXPECT_THAT(messageOf("[]"), HasSubstr("expected object"));
  EXPECT_THAT(messageOf(R"({"first_backward": 0, "tensors": [{}], "nodes": []})"),
              HasSubstr("missing value at graph.tensors[0].bytes"));
  EXPECT_THAT(messageOf(R"({"first_backward": 0, "tensors": [],
                            "nodes": [{"op": "f", "cost": 1, "inputs": [0], "outputs": []}]})"),
              HasSubstr("names tensor 0 of 0"));
}

/// Puts `junk` where the `at`th value inside `value` is; counts down to it.
void replaceValue(llvm::json::Value &value, int &at, const llvm::json::Value &junk) {
  if (at-- == 0) {
    value = junk;
    return;
  }
  if (llvm::json::Array *array = value.getAsArray())
    for (llvm::json::Value &element : *array)
      replaceValue(element, at, junk);
  else if (llvm::json::Object *object = value.getAsObject())
    for (auto &entry : *object)
      replaceValue(entry.second, at, junk);
}

TEST(Report, RefusesOrSolvesWhateverIsChanged) {
  int refused = 0, solved = 0;
  for (unsigned seed : {3, 4}) {
    const llvm::json::Value original = toJson(test::makeRandomGraph(seed, {4, true}));
    const llvm::json::Value junk[] = {nullptr,
                                      true,
                                      -1,
                                      0,
                                      3,
                                      1e308,
                                      int64_t(1) << 62,
                                      "x",
                                      llvm::json::Array{},
                                      llvm::json::Array{0, 0}};
    for (const llvm::json::Value &value : junk)
      for (int place = 0;; ++place) {
        llvm::json::Value changed = original;
        int left = place;
        replaceValue(changed, left, value);
        if (left >= 0)
          break;
        llvm::Expected<Graph> graph = graphFromJson(changed);
        if (!graph) {
          EXPECT_NE(llvm::toString(graph.takeError()), "");
          ++refused;
          continue;
        }
        SolveOptions options;
        options.budget = getBudget(*graph, 0.7, getPlainPeak(*graph));
        options.method = Method::Greedy;
        if (llvm::Expected<Plan> plan = solve(*graph, options))
          EXPECT_LE(plan->replayed.peak, options.budget);
        else
          EXPECT_NE(llvm::toString(plan.takeError()), "");
        ++solved;
      }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(solved, 100);
}

TEST(Report, HasWhatReplayNeeds) {
  Graph graph = test::makeUnitChain(8);
  graph.tensors.back().gradient = true;
  graph.fixedBytes = 20;
  SolveOptions options;
  options.budget = getBudget(graph, 0.5, getPlainPeak(graph));
  EXPECT_EQ(options.budget, 20 + 1 + 4); // state, and half of the other 8
  options.budget = 26;
  Plan plan = llvm::cantFail(solve(graph, options));
  llvm::json::Object report = toJson(graph, plan, options.budget, ArenaPeaks{30, 31});
  EXPECT_EQ(report.getInteger("peak"), 30);
  EXPECT_EQ(report.getInteger("live_peak"), plan.replayed.peak);
  EXPECT_EQ(report.getInteger("plain_peak"), 31);
  EXPECT_EQ(report.getInteger("plain_live_peak"), 29);
  EXPECT_EQ(report.getInteger("state_bytes"), 21);
  EXPECT_EQ(report.getInteger("nodes"), 16);
  EXPECT_EQ(report.getArray("schedule")->size(), plan.schedule.size());
  EXPECT_DOUBLE_EQ(*report.getNumber("overhead"), 100 * plan.overhead);
}

} // namespace
