//===- DataTreeTest.cpp - JSON data and paths into them -------------------===//

#include "runtime/core/Status.h"
#include "runtime/grounding/Path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala::rt;
using namespace nyala::rt::grounding;
using testing::HasSubstr;

namespace {

std::string failureOf(std::string_view json) {
  try {
    DataTree tree(json);
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_INVALID_TEXT);
    return failure.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(DataTree, KeepsOrderAndSpelling) {
  DataTree tree(R"({"b": [1, -2.50, 1e3], "a": {"x": null, "y": true},
                    "big": 123456789012345678901234567890, "ö": "{{ b }} \"q\""})");
  EXPECT_EQ(tree.toJson(DataTree::root),
            R"({"b":[1,-2.50,1e3],"a":{"x":null,"y":true},)"
            R"("big":123456789012345678901234567890,"ö":"{{ b }} \"q\""})");
  EXPECT_FALSE(tree[*tree.find(DataTree::root, "big")].number);
  EXPECT_FALSE(tree.find(DataTree::root, "c"));
}

TEST(DataTree, SaysWhereItIsNoJson) {
  EXPECT_THAT(failureOf("{\"a\": 1,\n  \"b\": }"), HasSubstr("the data, line 2, column 8: "));
  EXPECT_THAT(failureOf(""), HasSubstr("line 1, column 1: "));
  EXPECT_THAT(failureOf("[1e999]"), HasSubstr("1e999"));
  EXPECT_THAT(failureOf("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}"),
              HasSubstr("line 3, column 2: the key 'a' comes twice"));
  EXPECT_THAT(failureOf(std::string(200, '[')), HasSubstr("more than 128 deep"));
  EXPECT_THAT(failureOf("[\"\xff\"]"), HasSubstr("column 3"));
  EXPECT_THAT(failureOf("[1] 2"), HasSubstr("column 5"));
}

TEST(Path, IsSpelledOneWay) {
  DataTree tree(R"({"visitor": {"points": 1, "in paint": 2, "items": [{"x\"y": 3}]},
                    "home team": 4, "data": 5, "in": 6, "café": 7, "": 8, "_a1": 9})");
  std::vector<std::string> paths;
  for (NodeId node = 0; node < tree.size(); ++node)
    if (!tree[node].isContainer())
      paths.push_back(spellPath(tree, node));
  EXPECT_THAT(paths, testing::ElementsAre("visitor.points", "visitor[\"in paint\"]",
                                          R"(visitor["items"][0]["x\"y"])", "data[\"home team\"]",
                                          "data[\"data\"]", "data[\"in\"]", "data[\"café\"]",
                                          "data[\"\"]", "_a1"));
  DataTree list("[[1]]");
  EXPECT_EQ(spellPath(list, 2), "data[0][0]");
}

} // namespace
