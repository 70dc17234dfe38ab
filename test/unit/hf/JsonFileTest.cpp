#include "frontends/hf/JsonFile.h"
#include "ir/storage/Error.h"
#include "test/fuzz/MemoryFile.h"

#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::hf;

namespace {

nlohmann::json read(const std::string &text, size_t maxBytes = 1 << 20) {
  const test::MemoryFile memory({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
  return readJsonFile(memory.getPath(), maxBytes);
}

/// The message of the error without the file's path; empty if there was none.
std::string getError(const std::string &text, size_t maxBytes = 1 << 20) {
  try {
    read(text, maxBytes);
  } catch (const Error &error) {
    std::string message = error.what();
    return message.substr(message.find(": ") + 2);
  }
  return "";
}

TEST(JsonFile, Reads) {
  nlohmann::json json = read("{\"a\": {\"b\": [1, {\"a\": 2}, {\"a\": 3}]}, \"b\": null}\n");
  EXPECT_EQ(json["a"]["b"][2]["a"], 3);
  EXPECT_TRUE(json["b"].is_null());
}

TEST(JsonFile, Refuses) {
  EXPECT_EQ(getError(""), "the file is empty, expected JSON");
  EXPECT_EQ(getError("{}  ", 3), "the file has 4 bytes, expected at most 3");
  EXPECT_EQ(getError("[1]"), "is JSON of array, expected an object");
  EXPECT_EQ(getError("{\"a\": tru}"), "is not valid JSON at byte 10");
  EXPECT_EQ(getError("{\"a\": 1, \"a\": 1}"), "the key 'a' comes twice in an object");
  EXPECT_EQ(getError("{\"x\": {\"a\\n\": 1, \"a\\u000a\": []}}"),
            "the key 'a\\x0a' comes twice in an object");
  EXPECT_EQ(getError("{\"a\": 1e400}"), "is not valid JSON: it has a number out of range");
}

TEST(JsonFile, Depth) {
  auto nest = [](int depth) {
    std::string text = "{\"a\":";
    for (int i = 1; i < depth; ++i)
      text += i % 2 ? "[" : "{\"a\":";
    text += "1";
    for (int i = depth - 1; i > 0; --i)
      text += i % 2 ? "]" : "}";
    return text + "}";
  };
  EXPECT_EQ(getError(nest(64)), "");
  EXPECT_EQ(getError(nest(65)), "is nested deeper than 64 arrays and objects");
  EXPECT_EQ(getError(nest(100'000)), "is nested deeper than 64 arrays and objects");
}

} // namespace
