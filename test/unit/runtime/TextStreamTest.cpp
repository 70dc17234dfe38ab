//===- TextStreamTest.cpp - Tokens to printable text ----------------------===//

#include "test/unit/runtime/SessionFixture.h"

#include <gmock/gmock.h>

using namespace nyala::test;
using testing::HasSubstr;

namespace {

class TextStreamTest : public SessionTest {
protected:
  void openStream(const std::vector<const char *> &stops) {
    nyala_text_stream_close(stream);
    ASSERT_EQ(nyala_text_stream_create(model, stops.data(), stops.size(), &stream), NYALA_OK)
        << nyala_last_error();
  }
  ~TextStreamTest() override { nyala_text_stream_close(stream); }

  std::string append(int32_t token) {
    const char *text = nullptr;
    size_t length = 0;
    EXPECT_EQ(nyala_text_stream_append(stream, token, &text, &length, &stopped), NYALA_OK);
    return {text, length};
  }
  /// The toy's tokens are bytes.
  std::string append(std::string_view bytes) {
    std::string all;
    for (const char byte : bytes)
      all += append(static_cast<unsigned char>(byte));
    return all;
  }
  std::string flush() {
    const char *text = nullptr;
    size_t length = 0;
    EXPECT_EQ(nyala_text_stream_flush(stream, &text, &length), NYALA_OK);
    return {text, length};
  }

  nyala_text_stream *stream = nullptr;
  bool stopped = false;
};

TEST_F(TextStreamTest, WholeCharacters) {
  open(makeToy());
  openStream({});
  EXPECT_EQ(append('a'), "a");
  for (const char byte : std::string_view("\xF0\x9F\x98"))
    EXPECT_EQ(append(static_cast<unsigned char>(byte)), "");
  EXPECT_EQ(append(0x80), "\xF0\x9F\x98\x80");
  EXPECT_EQ(append(256), "") << "a control token";
  EXPECT_EQ(append(toyVocabulary - 1), "") << "not in the tokenizer";
  EXPECT_EQ(append(0xFF), "\xEF\xBF\xBD");
  EXPECT_EQ(append(0xC3), "");
  EXPECT_EQ(flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(flush(), "");
  EXPECT_FALSE(stopped);
}

TEST_F(TextStreamTest, StopStrings) {
  open(makeToy());
  openStream({"\nUser:", "caf\xC3\xA9"});
  EXPECT_EQ(append("hi\nUs"), "hi");
  EXPECT_EQ(append("e "), "\nUse ");
  EXPECT_EQ(append("a caf"), "a ");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(append("\xC3"), "");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(append("\xA9"), "");
  EXPECT_TRUE(stopped);
  EXPECT_EQ(append("more"), "");
  EXPECT_TRUE(stopped);
  EXPECT_EQ(flush(), "");
  // Another text; this one ends while something is held back.
  EXPECT_EQ(append("x\nUser"), "x");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(flush(), "\nUser");
  EXPECT_EQ(append(":"), ":");
  EXPECT_FALSE(stopped);
}

TEST_F(TextStreamTest, WrongArguments) {
  ArtifactSpec spec = makeToy();
  open(spec);
  const char *empty = "", *missing = nullptr;
  EXPECT_EQ(nyala_text_stream_create(model, &empty, 1, &stream), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("empty"));
  EXPECT_EQ(nyala_text_stream_create(model, &missing, 1, &stream), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_text_stream_create(model, nullptr, 1, &stream), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_text_stream_create(nullptr, nullptr, 0, &stream), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_text_stream_create(model, nullptr, 0, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(stream, nullptr);
  openStream({});
  const char *text = nullptr;
  size_t length = 0;
  for (int32_t token : {-1, int{toyVocabulary}}) {
    EXPECT_EQ(nyala_text_stream_append(stream, token, &text, &length, &stopped),
              NYALA_INVALID_ARGUMENT);
    EXPECT_THAT(nyala_last_error(), HasSubstr("token is " + std::to_string(token)));
  }
  EXPECT_EQ(nyala_text_stream_append(stream, 0, nullptr, &length, &stopped),
            NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_text_stream_flush(nullptr, &text, &length), NYALA_INVALID_ARGUMENT);
  nyala_text_stream_close(stream);
  spec.tokenizer.reset();
  open(spec);
  EXPECT_EQ(nyala_text_stream_create(model, nullptr, 0, &stream), NYALA_NOT_FOUND);
  EXPECT_EQ(stream, nullptr);
}

} // namespace
