#include "runtime/text/SplitPattern.h"
#include "runtime/core/Status.h"
#include "runtime/text/PreTokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala::rt;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

std::vector<std::string> split(const std::vector<std::string_view> &splits, std::string_view text) {
  std::vector<std::string_view> pieces;
  PreTokenizer(splits).split(text, pieces);
  return {pieces.begin(), pieces.end()};
}

std::string failureOf(const std::vector<std::string_view> &splits) {
  try {
    PreTokenizer{splits};
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_UNSUPPORTED);
    return failure.what();
  }
  return "nothing was thrown";
}

TEST(SplitPattern, MatchesAndWhatIsBetweenThem) {
  EXPECT_THAT(split({"b+"}, "abbcb"), ElementsAre("a", "bb", "c", "b"));
  EXPECT_THAT(split({"x"}, "abc"), ElementsAre("abc"));
  EXPECT_THAT(split({}, "abc"), ElementsAre("abc"));
  EXPECT_TRUE(split({"x"}, "").empty());
}

TEST(SplitPattern, EachCutsThePiecesOfTheOneBefore) {
  EXPECT_THAT(split({"b", "[a-c]+"}, "xabac"), ElementsAre("x", "a", "b", "ac"));
  // A piece is a text of its own: nothing follows the blank.
  EXPECT_THAT(split({"1", R"(\s+(?!\S)|\s)"}, "  1"), ElementsAre("  ", "1"));
  EXPECT_THAT(split({R"(\s+(?!\S)|\s)"}, "  1"), ElementsAre(" ", " ", "1"));
}

TEST(SplitPattern, ReadsAsOniguruma) {
  // Lines end at \n alone, and a dot matches it.
  EXPECT_THAT(split({R"(\s+$)"}, "a  \nb\r c  "), ElementsAre("a", "  ", "\nb\r c", "  "));
  EXPECT_THAT(split({"^b"}, "a\nb b"), ElementsAre("a\n", "b", " b"));
  EXPECT_THAT(split({"a."}, "a\nab"), ElementsAre("a\n", "ab"));
  EXPECT_THAT(split({"a++a"}, "aaa"), ElementsAre("aaa"));
  EXPECT_THAT(split({R"((?i:'s)|\x41|\u0042|\x{1F600}|\-|[\]^])"}, "'S'ſABC😀-]^x"),
              ElementsAre("'S", "'ſ", "A", "B", "C", "😀", "-", "]", "^", "x"));
}

TEST(SplitPattern, Classes) {
  EXPECT_THAT(split({R"([\p{L}-z]+)"}, "a-b.c"), ElementsAre("a-b", ".", "c")); // no range
  EXPECT_THAT(split({R"([\s-~]+)"}, "a -~b"), ElementsAre("a", " -~", "b"));
  EXPECT_THAT(split({R"([^\s\p{N}]+)"}, "ab 12"), ElementsAre("ab", " 12"));
  EXPECT_THAT(split({R"(\P{L}|\p{Lu}|\p{^L})"}, "aB1"), ElementsAre("a", "B", "1"));
  EXPECT_THAT(split({R"(\S+)"}, "ab\u180Ec\u3000"), ElementsAre("ab\u180Ec", "\u3000"));
  EXPECT_THAT(split({"[一-龥ࠀ-一]+"}, "a漢字b"), ElementsAre("a", "漢字", "b"));
  EXPECT_THAT(split({R"([!-/:-@\[-`]+)"}, "a+[b"), ElementsAre("a", "+[", "b"));
  // New in Unicode 15: letters whatever PCRE2 knows.
  EXPECT_THAT(split({R"(\p{L}+)"}, "!\U00031350!"), ElementsAre("!", "\U00031350", "!"));
}

TEST(SplitPattern, RefusesWhatOnigurumaReadsOtherwise) {
  for (const char *pattern :
       {R"(\w)",  R"(\b)",   R"(\h)",     R"(\R)",   R"(\1)",      R"(\v)",     R"(\K)",
        R"(\)",   R"(\é)",   R"(\xff)",   R"(\x4)",  R"(\x{})",    R"(\u004)",  R"(\p{Han})",
        R"(\pL)", R"(\p{L)", R"(\p{lu})", R"([\S])", R"([\P{L}])", "[a[b]]",    "[[:alpha:]]",
        "[a&&b]", "[]a]",    "[^]a]",     "[a",      "[a-",        R"([a-\s])", "(?<n>a)",
        "(?i)a",  "(?#a)",   "(?~a)",     "(*FAIL)", "(?R)",       "a{1,3}+",   "a{2}?",
        "a**",    "a+{2}",   "a{,2}",     "a{2",     "{",          "a|*",       "]",
        "}",      "*a"})
    EXPECT_THAT(failureOf({pattern}), HasSubstr("is not supported")) << pattern;
}

TEST(SplitPattern, FailuresNameThePattern) {
  EXPECT_EQ(
      failureOf({"a", R"(ab\w)"}),
      "pattern 1 of the pre-tokenizer: the construct at byte offset 2 is not supported: "
      "expected one of \\n \\r \\t \\f \\x \\u \\s \\S \\d \\D \\p{..} \\P{..} or punctuation "
      "after the backslash");
  EXPECT_THAT(failureOf({"(a"}), HasSubstr("PCRE2 cannot compile it: missing closing parenthesis"));
  EXPECT_THAT(failureOf({"a)"}), HasSubstr("PCRE2 cannot compile it: unmatched closing"));
  EXPECT_THAT(failureOf({"[b-a]"}), HasSubstr("PCRE2 cannot compile it: range out of order"));
  EXPECT_THAT(failureOf({"\\x{110000}"}), HasSubstr("PCRE2 cannot compile it"));
  EXPECT_THAT(failureOf({"a*"}), HasSubstr("it matches the empty text"));
  EXPECT_THAT(failureOf({""}), HasSubstr("it matches the empty text"));
  EXPECT_THAT(failureOf({"\xff"}), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(failureOf({std::string_view("a\0b", 3)}), HasSubstr("NUL byte"));
  EXPECT_THAT(failureOf({std::string(4097, 'a')}), HasSubstr("4097 bytes, at most 4096"));
  EXPECT_THAT(failureOf(std::vector<std::string_view>(17, "a")),
              HasSubstr("has 17 patterns, at most 16"));
}

TEST(SplitPattern, PatternsThatBacktrackWithoutEndGiveUp) {
  std::vector<std::string_view> pieces;
  const std::string_view splits[] = {"(a*)*[bc]"};
  try {
    PreTokenizer(splits).split(std::string(40, 'a'), pieces);
    FAIL();
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_INVALID_TEXT);
    EXPECT_THAT(failure.what(), HasSubstr("match limit exceeded"));
  }
}

} // namespace
