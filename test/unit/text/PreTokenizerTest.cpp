#include "runtime/text/PreTokenizer.h"
#include "runtime/core/Status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

using namespace nyala::rt;
using testing::ElementsAre;

namespace {

std::vector<std::string> split(std::string_view name, std::string_view text) {
  std::vector<std::string_view> pieces;
  PreTokenizer(getPreTokenizerFamily(name).splits).split(text, pieces);
  return {pieces.begin(), pieces.end()};
}

TEST(PreTokenizer, SplitsWordsNumbersAndSpace) {
  EXPECT_THAT(split("gpt-2", "It's 2024,  ok?"),
              ElementsAre("It", "'s", " 2024", ",", " ", " ok", "?"));
  EXPECT_THAT(split("smollm", "It's 20,  7 ok "),
              ElementsAre("It", "'s", " ", "2", "0", ",", "  ", "7", " ok", " "));
  EXPECT_THAT(split("llama-bpe", "It'S 20245,  ok?\n\n x"),
              ElementsAre("It", "'S", " ", "202", "45", ",", " ", " ok", "?\n\n", " x"));
  EXPECT_THAT(split("qwen2", "(a)\t12 \r\n "),
              ElementsAre("(a", ")", "\t", "1", "2", " \r\n", " "));
}

TEST(PreTokenizer, ContractionsFoldCaseOnlyInTheNewerFamilies) {
  EXPECT_THAT(split("gpt-2", "I'LL"), ElementsAre("I", "'", "LL"));
  EXPECT_THAT(split("qwen2", "I'LL"), ElementsAre("I", "'LL"));
  EXPECT_THAT(split("llama-bpe", "x'\u017Fy"), ElementsAre("x", "'\u017F", "y")); // folds to s
}

TEST(PreTokenizer, HasTheClassesOfUnicode16) {
  // U+180E is no white space; U+0085, U+00A0 and U+3000 are.
  EXPECT_THAT(split("gpt-2", "!\u180E!"), ElementsAre("!\u180E!"));
  EXPECT_THAT(split("gpt-2", "!\u0085!"), ElementsAre("!", "\u0085", "!"));
  EXPECT_THAT(split("gpt-2", "!\u00A0\u3000!"), ElementsAre("!", "\u00A0", "\u3000", "!"));
  // Letters since 15.0 (CJK extension H) and 16.0 (Garay), a number since 16.0.
  EXPECT_THAT(split("gpt-2", "a\U00031350\U00010D4Ab!"),
              ElementsAre("a\U00031350\U00010D4Ab", "!"));
  EXPECT_THAT(split("smollm", "a\U00010D40\U00010D41"),
              ElementsAre("a", "\U00010D40", "\U00010D41"));
}

TEST(PreTokenizer, LongRunsMeetNoLimit) {
  for (const char *name : {"smollm", "gpt-2", "llama-bpe", "qwen2"}) {
    std::string blanks(12'000'000, ' ');
    EXPECT_EQ(split(name, blanks), std::vector{blanks}) << name;
    std::string letters(12'000'000, 'x');
    EXPECT_EQ(split(name, letters), std::vector{letters}) << name;
  }
}

TEST(PreTokenizer, NamesWhatItHas) {
  try {
    getPreTokenizerFamily("tekken");
    FAIL();
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_UNSUPPORTED);
    EXPECT_STREQ(failure.what(), "unknown pre-tokenizer 'tekken': this runtime has smollm, gpt-2, "
                                 "llama-bpe, qwen2");
  }
}

} // namespace
