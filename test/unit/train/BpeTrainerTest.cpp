#include "tools/nyala-train/BpeTrainer.h"
#include "tools/nyala-train/TextEncoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

using namespace nyala;
using namespace nyala::train;
using testing::ElementsAre;

namespace {

TokenizerData train(std::string_view text, int64_t vocabulary) {
  return trainBpe(std::span(&text, 1), vocabulary);
}

std::vector<std::string> getMerged(const TokenizerData &data) {
  return {data.tokens.begin() + 256, data.tokens.end() - 1};
}

TEST(BpeTrainer, MergesTheMostFrequentPairFirst) {
  // "ab" is there six times, then " ab" five times; " x" and "xy" twice, of which " x" is smaller.
  TokenizerData data = train("ab ab ab ab ab ab xy xy", 260);
  EXPECT_THAT(getMerged(data), ElementsAre("ab", " ab", " x"));
  EXPECT_EQ(data.tokens.size(), 260u);
  EXPECT_EQ(data.tokens.back(), kEndOfText);
  EXPECT_EQ(data.kinds.back(), TokenKind::Control);
  EXPECT_EQ(data.eos, 259);
  EXPECT_EQ(data.merges[1], (TokenizerData::Merge{' ', 256, 1, 257}));
}

TEST(BpeTrainer, TakesTheSmallestOfEqualPairs) {
  EXPECT_THAT(getMerged(train("zb zb ya ya", 258)), ElementsAre(" y"));
  EXPECT_THAT(getMerged(train("zb\nzb\nya\nya", 258)), ElementsAre("ya"));
}

TEST(BpeTrainer, StopsWhereNothingIsThereTwice) {
  EXPECT_EQ(train("abcdef", 4096).tokens.size(), 257u);
  EXPECT_EQ(train("", 300).tokens.size(), 257u);
  EXPECT_EQ(train("ab ab", 257).tokens.size(), 257u);
}

TEST(BpeTrainer, MergesRunsFromTheLeft) {
  TokenizerData data = train("aaaaa", 300);
  EXPECT_THAT(getMerged(data), ElementsAre("aa"));
  std::vector<int32_t> ids;
  TextEncoder(data).encode("aaaaa", ids);
  EXPECT_THAT(ids, ElementsAre(256, 256, 'a'));
}

/// By counting all pairs again after each merge.
std::vector<std::string> trainPlainly(const std::vector<std::vector<std::string>> &words,
                                      size_t merges) {
  std::vector<std::vector<std::string>> current = words;
  std::vector<std::string> tokens, merged;
  for (int byte = 0; byte < 256; ++byte)
    tokens.emplace_back(1, static_cast<char>(byte));
  auto getId = [&](const std::string &text) {
    return std::ranges::find(tokens, text) - tokens.begin();
  };
  while (merged.size() < merges) {
    std::map<std::pair<ptrdiff_t, ptrdiff_t>, int> counts;
    for (const auto &word : current)
      for (size_t i = 0; i + 1 < word.size(); ++i)
        ++counts[{getId(word[i]), getId(word[i + 1])}];
    auto best = counts.begin();
    for (auto entry = counts.begin(); entry != counts.end(); ++entry)
      if (entry->second > best->second)
        best = entry;
    if (best == counts.end() || best->second < 2)
      break;
    std::string left = tokens[best->first.first], right = tokens[best->first.second];
    merged.push_back(left + right);
    tokens.push_back(left + right);
    for (auto &word : current)
      for (size_t i = 0; i + 1 < word.size(); ++i)
        if (word[i] == left && word[i + 1] == right) {
          word[i] += right;
          word.erase(word.begin() + static_cast<ptrdiff_t>(i) + 1);
        }
  }
  return merged;
}

TEST(BpeTrainer, AgreesWithPlainCounting) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    std::string text;
    std::vector<std::vector<std::string>> words;
    for (int word = 0; word < 60; ++word) {
      words.emplace_back();
      if (word > 0)
        words.back().emplace_back(" ");
      for (unsigned i = 0, length = 1 + random() % 6; i < length; ++i)
        words.back().emplace_back(1, static_cast<char>('a' + random() % 3));
      for (const std::string &part : words.back())
        text += part;
    }
    EXPECT_EQ(getMerged(train(text, 257 + 40)), trainPlainly(words, 40)) << text;
  }
}

} // namespace
