#include "runtime/text/StopStrings.h"
#include "runtime/core/Status.h"

#include <gtest/gtest.h>

#include <random>

using namespace nyala::rt;

namespace {

TEST(StopStrings, HoldsBackAPossibleBeginning) {
  StopStrings stops({"</s>"});
  std::string out;
  EXPECT_FALSE(stops.feed("one <", out));
  EXPECT_EQ(out, "one ");
  EXPECT_FALSE(stops.feed("/b> two </", out));
  EXPECT_EQ(out, "one </b> two ");
  EXPECT_TRUE(stops.feed("s> three", out));
  EXPECT_EQ(out, "one </b> two ");
  EXPECT_TRUE(stops.feed("four", out)); // nothing more until reset
  EXPECT_EQ(out, "one </b> two ");
}

TEST(StopStrings, FlushGivesWhatWasHeld) {
  StopStrings stops({"User:"});
  std::string out;
  EXPECT_FALSE(stops.feed("the Use", out));
  EXPECT_EQ(out, "the ");
  stops.flush(out);
  EXPECT_EQ(out, "the Use");
  EXPECT_FALSE(stops.feed("r:", out)); // the stream began anew
  EXPECT_EQ(out, "the User:");
}

TEST(StopStrings, FindsAMatchInsideAFailedOne) {
  StopStrings stops({"aab"});
  std::string out;
  EXPECT_TRUE(stops.feed("aaaab", out));
  EXPECT_EQ(out, "aa");
}

TEST(StopStrings, FirstCompleteWinsThenLongest) {
  std::string out;
  EXPECT_TRUE(StopStrings({"abcd", "bc"}).feed("xabcd", out));
  EXPECT_EQ(out, "xa");
  out.clear();
  EXPECT_TRUE(StopStrings({"bc", "abc"}).feed("xabc", out));
  EXPECT_EQ(out, "x");
}

TEST(StopStrings, NoneAndEmpty) {
  StopStrings none({});
  std::string out;
  EXPECT_FALSE(none.feed("all of it", out));
  EXPECT_EQ(out, "all of it");
  EXPECT_THROW(StopStrings({"a", ""}), Failure);
}

TEST(StopStrings, EqualsASearchHoweverTheTextIsCut) {
  std::mt19937 random(7);
  auto word = [&](size_t most) {
    std::string text(1 + random() % most, ' ');
    for (char &c : text)
      c = "ab"[random() % 2];
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> strings;
    for (size_t n = 1 + random() % 3; n > 0; --n)
      strings.push_back(word(5));
    std::string text = word(40);
    // The smallest end of an occurrence; there the longest string.
    std::string expected = text;
    bool stopped = false;
    for (size_t end = 1; end <= text.size() && !stopped; ++end) {
      size_t longest = 0;
      for (const std::string &s : strings)
        if (std::string_view(text).substr(0, end).ends_with(s))
          longest = std::max(longest, s.size());
      if (longest > 0) {
        expected = text.substr(0, end - longest);
        stopped = true;
      }
    }
    StopStrings stops(strings);
    std::string out;
    bool got = false;
    for (size_t at = 0; at < text.size();) {
      size_t length = 1 + random() % 4;
      got = stops.feed(std::string_view(text).substr(at, length), out);
      ASSERT_TRUE(expected.starts_with(out));
      at += length;
    }
    if (!got)
      stops.flush(out);
    ASSERT_EQ(got, stopped) << text;
    ASSERT_EQ(out, expected) << text;
  }
}

} // namespace
