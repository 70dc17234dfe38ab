//===- ReferenceTest.cpp - Reading references and looking them up ---------===//

#include "runtime/grounding/Reference.h"
#include "runtime/core/Status.h"
#include "runtime/grounding/Path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

using namespace nyala::rt;
using namespace nyala::rt::grounding;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const char *record = R"({
  "a": 7, "b": 2, "f": 2.675, "zero": 0, "s": "new york", "d": "2024-03-05", "t": "2024-12-31T23:05:09Z",
  "list": [1, 2, 4], "none": null, "empty": [], "o": {"x": true},
  "players": [{"n": "A", "p": 10}, {"n": "B", "p": 11, "q": 1}]})";

Value evaluateText(const std::string &expression) {
  static const DataTree tree(record);
  std::string text = "{{ " + expression + " }}";
  size_t at = 0;
  Reference reference = parseReference(text, at);
  EXPECT_EQ(at, text.size());
  return evaluate(tree, reference);
}

std::string show(const std::string &expression) { return evaluateText(expression).shown; }

std::string failureOf(const std::string &expression) {
  try {
    return "gave " + show(expression);
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_INVALID_TEXT);
    return failure.what();
  }
}

TEST(Reference, ShowsWhatItNames) {
  EXPECT_EQ(show("a"), "7");
  EXPECT_EQ(show("data[\"none\"]"), "None");
  EXPECT_EQ(show("o.x"), "True");
  EXPECT_EQ(show("players[1].n"), "B");
  EXPECT_EQ(show("a / b"), "3.5");
  EXPECT_EQ(show("a - f"), "4.325");
  EXPECT_EQ(show("(a / b) | round"), "4.0");
  EXPECT_EQ(show("f | round(2)"), "2.67");
  EXPECT_EQ(show("s | title"), "New York");
  EXPECT_EQ(show("list | avg | round(1)"), "2.3");
  EXPECT_EQ(show("empty | count"), "0");
  EXPECT_EQ(show("players | max(\"p\")"), "11");
  EXPECT_EQ(show("d | date(\"%A, %-d %B %Y\")"), "Tuesday, 5 March 2024");
  EXPECT_EQ(show("t | date(\"%H:%M:%S %j %b %y\") | upper"), "23:05:09 366 DEC 24");
}

TEST(Reference, KeepsAllOperands) {
  static const DataTree tree(record);
  auto pathsOf = [](const std::string &expression) {
    std::vector<std::string> paths;
    for (NodeId node : evaluateText(expression).operands)
      paths.push_back(spellPath(tree, node));
    return paths;
  };
  EXPECT_THAT(pathsOf("a - b"), ElementsAre("a", "b"));
  EXPECT_THAT(pathsOf("players | sum(\"p\")"),
              ElementsAre("players", "players[0].p", "players[1].p"));
}

TEST(Reference, RefusesWhatMakesNoSense) {
  EXPECT_THAT(failureOf("a | frobnicate"), HasSubstr("byte 7: expected one of the filters"));
  EXPECT_THAT(failureOf("c"), HasSubstr("byte 3: data has no field 'c'"));
  EXPECT_THAT(failureOf("players[2]"), HasSubstr("has 2 elements, no number 2"));
  EXPECT_THAT(failureOf("s | round"), HasSubstr("does not take s, a string"));
  EXPECT_THAT(failureOf("a | upper"), HasSubstr("does not take"));
  EXPECT_THAT(failureOf("a / zero"), HasSubstr("the second not 0"));
  EXPECT_THAT(failureOf("a - s"), HasSubstr("expected numbers"));
  EXPECT_THAT(failureOf("o"), HasSubstr("an object, which is no value"));
  EXPECT_THAT(failureOf("list"), HasSubstr("an array, which is no value"));
  EXPECT_THAT(failureOf("empty | sum"), HasSubstr("does not take"));
  EXPECT_THAT(failureOf("players | sum(\"q\")"), HasSubstr("not all elements"));
  EXPECT_THAT(failureOf("d | date(\"%H\")"), HasSubstr("cannot be written as"));
  EXPECT_THAT(failureOf("data[\"a\"]"), HasSubstr("without quotes"));
  EXPECT_THAT(failureOf("players[01].n"), HasSubstr("expected an index"));
  EXPECT_THAT(failureOf("(a - b)"), HasSubstr("expected a filter behind"));
  EXPECT_THAT(failureOf("a  "), HasSubstr("expected ' }}'"));
  EXPECT_THAT(failureOf("a | round | round"), HasSubstr("does not take"));
}

/// What Jinja renders (test/data/grounding/jinja.py).
TEST(Reference, ShowsWhatJinjaShows) {
  std::ifstream file(NYALA_TEST_DIR "/data/grounding/jinja.json");
  nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_GT(cases["references"].size(), 30u);
  const DataTree tree(cases["data"].get<std::string>());
  for (const auto &[text, shown] : cases["references"].items()) {
    size_t at = 0;
    EXPECT_EQ(evaluate(tree, parseReference(text, at)).shown, shown.get<std::string>()) << text;
  }
}

} // namespace
