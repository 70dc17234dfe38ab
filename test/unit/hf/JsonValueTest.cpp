#include "frontends/hf/JsonValue.h"
#include "test/fuzz/MemoryFile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::hf;
using testing::EndsWith;
using testing::StartsWith;

namespace {

template <typename Action> std::string getError(Action action) {
  try {
    action();
  } catch (const Error &error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string getParseError(std::string_view text) {
  return getError([&] { parseJson("f.json", text); });
}

TEST(JsonValue, ParsesStrictly) {
  EXPECT_EQ(parseJson("f.json", R"({"a": [1, {"a": 2}], "b": {"a": 3}})")["b"]["a"], 3);
  EXPECT_EQ(getParseError(""), "f.json: the file is empty, expected JSON");
  EXPECT_EQ(getParseError("{\n \"a\": x}"),
            "f.json: not JSON: cannot be read from line 2, column 7 on, after '{\\x0a \"a\": '");
  EXPECT_THAT(getParseError("{} {}"), StartsWith("f.json: not JSON: cannot be read from line 1"));
  EXPECT_THAT(getParseError("[1,"), StartsWith("f.json: not JSON: "));
  EXPECT_THAT(getParseError("\"\xff\""), StartsWith("f.json: not JSON: "));
  EXPECT_THAT(getParseError("\"\\ud800\""), StartsWith("f.json: not JSON: "));
  EXPECT_THAT(getParseError("1e999"), StartsWith("f.json: not JSON: "));
  EXPECT_EQ(getParseError(R"({"a": 1, "b": {"a": 1, "a": 2}})"),
            "f.json: the key 'a' is there twice in an object");
}

TEST(JsonValue, FilesAreObjects) {
  auto read = [](const std::string &text, size_t maxBytes) {
    const test::MemoryFile file({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
    return readJsonFile(file.getPath(), maxBytes);
  };
  EXPECT_EQ(read(R"({"a": 1})", 8)["a"], 1);
  EXPECT_THAT(getError([&] { read(R"({"a": 1})", 7); }), EndsWith(": 8 bytes, expected at most 7"));
  EXPECT_THAT(getError([&] { read("[1]", 7); }), EndsWith(": expected an object, got an array"));
}

TEST(JsonValue, NestingHasALimit) {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(getParseError(nested(64)), "nothing was thrown");
  EXPECT_EQ(getParseError(nested(65)), "f.json: nested deeper than 64 levels");
  EXPECT_EQ(getParseError(std::string(10'000'000, '[')), "f.json: nested deeper than 64 levels");
}

TEST(JsonValue, FailuresNameThePlace) {
  JsonDocument file("f.json", R"({"a": {"b": [1, "x", -1, 2.5, null, true, {}, []]}, "n": null})");
  JsonValue root = file.getRoot(), list = root.get("a").get("b");
  EXPECT_EQ(list.size(), 8u);
  EXPECT_EQ(list.at(0).asInteger(2), 1u);
  EXPECT_EQ(list.at(1).asString(), "x");
  EXPECT_EQ(list.at(3).asNumber(), 2.5);
  EXPECT_TRUE(list.at(5).asBool());
  EXPECT_FALSE(root.find("n"));
  EXPECT_FALSE(root.find("x"));
  EXPECT_EQ(getError([&] { root.get("n"); }), "f.json: 'n' is missing");
  EXPECT_EQ(getError([&] { root.get("a").get("c"); }), "f.json: a: 'c' is missing");
  EXPECT_EQ(getError([&] { list.at(0).asString(); }), "f.json: a.b[0]: expected a string, got 1");
  EXPECT_EQ(getError([&] { list.at(0).asInteger(1); }),
            "f.json: a.b[0]: expected an integer from 0 to 0, got 1");
  for (size_t i : {1, 2, 3, 4, 5, 6, 7})
    EXPECT_THAT(getError([&] { list.at(i).asInteger(9); }), StartsWith("f.json: a.b["));
  EXPECT_EQ(getError([&] { list.at(1).asBool(); }),
            "f.json: a.b[1]: expected true or false, got 'x'");
  EXPECT_EQ(getError([&] { list.at(6).asNumber(); }),
            "f.json: a.b[6]: expected a number, got an object");
  EXPECT_EQ(getError([&] { list.at(1).find("x"); }), "f.json: a.b[1]: expected an object, got 'x'");
  EXPECT_EQ(getError([&] { list.at(1).size(); }),
            "f.json: a.b[1]: expected an array or an object, got 'x'");
  EXPECT_EQ(getError([&] { root.at(0); }), "f.json: expected an array, got an object");
  EXPECT_EQ(getError([&] {
              root.forMembers([](const auto &key, const JsonValue &value) { value.fail(key); });
            }),
            "f.json: ['a']: a");
}

} // namespace
