#include "runtime/text/Utf8.h"

#include <gtest/gtest.h>

using namespace nyala::rt;

namespace {

constexpr size_t npos = std::string_view::npos;

TEST(Utf8, AcceptsEveryCodePointAtItsEdges) {
  for (std::string_view text : {"", "plain ASCII that is longer than a word", "\x7F", "\xC2\x80",
                                "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                                "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(checkText(text), npos) << text;
}

TEST(Utf8, RefusesIllFormedSequencesAtTheirStart) {
  for (std::string_view bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2z", "\xE0\x9F\xBF", "\xE2\x82",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF0\x9F\x98", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_EQ(checkText(bad), 0u);
    for (size_t before = 0; before < 20; ++before)
      EXPECT_EQ(checkText(std::string(before, 'x') + std::string(bad)), before);
  }
  EXPECT_EQ(checkText("caf\xC3\xA9 \xE2\x28\xA1"), 6u);
}

TEST(Utf8, RefusesNulWhereAsked) {
  for (size_t before = 0; before < 20; ++before) {
    std::string text = std::string(before, 'x') + '\0' + "yyyyyyyyyy";
    EXPECT_EQ(checkText(text), npos);
    EXPECT_EQ(checkText(text, NulBytes::Refused), before);
  }
  EXPECT_EQ(describeBadText(std::string_view("a\0", 2), 1),
            "text has a NUL byte at byte offset 1: remove it");
  EXPECT_EQ(describeBadText("a\xFF", 1), "text is not valid UTF-8: the first bad byte is 0xFF at "
                                         "byte offset 1; convert the text to UTF-8");
}

/// All of `text`, fed in pieces of `step` bytes.
std::string stream(std::string_view text, size_t step) {
  Utf8Stream stream;
  std::string out;
  for (size_t at = 0; at < text.size(); at += step) {
    std::string part;
    stream.append(text.substr(at, step), part);
    EXPECT_EQ(checkText(part), npos); // only whole characters come out
    out += part;
  }
  stream.flush(out);
  return out;
}

TEST(Utf8Stream, HoldsAnIncompleteCharacter) {
  Utf8Stream stream;
  std::string out;
  stream.append("a\xF0\x9F", out);
  EXPECT_EQ(out, "a");
  stream.append("\x98", out);
  EXPECT_EQ(out, "a");
  stream.append("\x80z", out);
  EXPECT_EQ(out, "a😀z");
  stream.flush(out);
  EXPECT_EQ(out, "a😀z");
}

TEST(Utf8Stream, ReplacesOneMaximalSubpartEach) {
  // The examples of The Unicode Standard, tables 3-8 to 3-11.
  const std::string r = "\xEF\xBF\xBD";
  auto repeat = [&](int n) {
    std::string out;
    for (int i = 0; i < n; ++i)
      out += r;
    return out;
  };
  for (size_t step = 1; step < 6; ++step) {
    EXPECT_EQ(stream("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", step), repeat(8) + "A");
    EXPECT_EQ(stream("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", step), repeat(8) + "A");
    EXPECT_EQ(stream("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", step),
              repeat(5) + "A" + repeat(2) + "B");
    EXPECT_EQ(stream("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", step), repeat(4) + "A");
    EXPECT_EQ(stream("x\xF0\x9F\x98", step), "x" + r);
  }
}

} // namespace
