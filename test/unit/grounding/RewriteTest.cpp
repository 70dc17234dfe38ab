//===- RewriteTest.cpp - Prose with references in place of words ----------===//

#include "runtime/core/Status.h"
#include "runtime/grounding/RewriteConstraint.h"
#include "runtime/grounding/Words.h"
#include "test/unit/grounding/Walk.h"
#include "test/unit/text/TokenizerFixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

using namespace nyala;
using namespace nyala::rt::grounding;
using testing::ElementsAre;

namespace {

/// Bytes, and tokens that straddle borders of words and references.
struct Vocabulary {
  Vocabulary() {
    for (const char *text :
         {"{{ ", " {{", " }}", "}} ", "101", " 101", "Bos", "Boston", "Boston sc", " scored",
          " points", "points.", ". ", ", ", "a }} b", "ab", "abc"})
      fixture.add(text);
    fixture.data.stops = {fixture.add("<|im_end|>", TokenKind::Control)};
    tokenizer = &fixture.build();
    trie.emplace(*tokenizer);
  }

  /// Appends what a text that has come so far allows.
  std::string listAllowed(rt::Constraint &constraint, size_t left = 1000) const {
    std::set<std::string> texts;
    const std::span<const uint64_t> mask = constraint.mask(left);
    for (size_t id = 0; id < tokenizer->size(); ++id)
      if (rt::isAllowed(mask, static_cast<int32_t>(id)))
        texts.emplace(tokenizer->tokenBytes(static_cast<int32_t>(id), true));
    std::string list;
    for (const std::string &text : texts)
      list += (list.empty() ? "" : "|") + text;
    return list;
  }

  void take(rt::Constraint &constraint, std::string_view bytes) const {
    for (char byte : bytes)
      EXPECT_TRUE(constraint.advance(test::byteToken(*tokenizer, byte))) << bytes;
  }

  TokenizerFixture fixture;
  const rt::Tokenizer *tokenizer;
  std::optional<rt::TokenTrie> trie;
};

std::vector<std::string> describeValues(const DataTree &data, std::string_view text) {
  std::vector<std::string> list;
  for (const ValueSpan &span : findValues(data, text)) {
    std::string line(text.substr(span.begin, span.end - span.begin));
    for (const std::string &reference : span.references)
      line += "; " + reference;
    list.push_back(line);
  }
  return list;
}

TEST(ValueSpans, AreTheLongestWords) {
  DataTree data(R"({"team": "boston celtics", "city": "Boston", "won": 12, "lost": 12,
                    "share": 0.6666, "fans": 18624, "on": "2024-03-05", "short": "it", "flag": true})");
  EXPECT_THAT(describeValues(data,
                             "Boston Celtics of Boston (12 of it, 112, 12.5, 0.67) had 18,624 fans "
                             "on March 5, 2024: True."),
              ElementsAre("Boston Celtics; {{ team | title }}", "Boston; {{ city }}",
                          "12; {{ lost }}; {{ won }}", "0.67; {{ share | round(2) }}",
                          "18,624; {{ fans }}", "March 5, 2024; {{ on | date(\"%B %-d, %Y\") }}"));
}

TEST(RewriteConstraint, PutsReferencesInPlaceOfValues) {
  Vocabulary words;
  DataTree data(R"({"city": "Boston", "points": 101, "x": 101})");
  RewriteConstraint constraint(*words.trie, data, "Boston scored 101.", words.tokenizer->size());
  EXPECT_EQ(constraint.getLeast(), 4u); // "Boston sc", "ored", " 101", "." would be too good
  EXPECT_EQ(words.listAllowed(constraint), "{|{{ ");
  words.take(constraint, "{{ ");
  EXPECT_EQ(words.listAllowed(constraint), "c");
  words.take(constraint, "city }}");
  EXPECT_FALSE(constraint.canEnd());
  EXPECT_EQ(words.listAllowed(constraint), " | scored");
  words.take(constraint, " scored ");
  EXPECT_EQ(words.listAllowed(constraint), "{|{{ ");
  words.take(constraint, "{{ ");
  EXPECT_EQ(words.listAllowed(constraint), "p|x");
  words.take(constraint, "x }}.");
  EXPECT_TRUE(constraint.canEnd());
  EXPECT_EQ(words.listAllowed(constraint), "<|im_end|>");
}

TEST(RewriteConstraint, CopiesWhereNothingElseFits) {
  Vocabulary words;
  DataTree data(R"({"points": 101})");
  RewriteConstraint constraint(*words.trie, data, "x 101 y", words.tokenizer->size());
  EXPECT_EQ(constraint.getLeast(), 4u);
  EXPECT_EQ(words.listAllowed(constraint, 4), "x");
  words.take(constraint, "x");
  EXPECT_EQ(words.listAllowed(constraint, 3), " 101");
  words.take(constraint, " 101 y");
  EXPECT_EQ(words.listAllowed(constraint, 0), "<|im_end|>");
}

TEST(RewriteConstraint, LetsOtherNumeralsBeReferences) {
  Vocabulary words;
  DataTree data(R"({"a": 7, "city": "Boston"})");
  RewriteConstraint constraint(*words.trie, data, "x 1.5 ab, 101 Boston", words.tokenizer->size());
  words.take(constraint, "x ");
  EXPECT_EQ(words.listAllowed(constraint), "1|{|{{ ");
  words.take(constraint, "{{ a - a }}");
  // Behind 1.5, ab or 101, which Boston's reference would follow.
  EXPECT_EQ(words.listAllowed(constraint), " | {{|,|, ");
  words.take(constraint, ", ");
  EXPECT_EQ(words.listAllowed(constraint), "1|101|{|{{ ");
  words.take(constraint, "101 {{ city }}");
  EXPECT_TRUE(constraint.canEnd());
}

TEST(RewriteConstraint, RefusesWhatOpensReferences) {
  Vocabulary words;
  DataTree data(R"({"a": 1})");
  EXPECT_THROW(RewriteConstraint(*words.trie, data, "x {{ a }}", words.tokenizer->size()),
               rt::Failure);
}

/// Is the text the prose, but for references that stand for words? Taken from the definition, not
/// from the constraint.
bool isRewrite(const DataTree &data, std::string_view text, std::string_view prose) {
  std::set<size_t> places = {0};
  for (size_t at = 0; at < text.size();) {
    std::set<size_t> next;
    if (text.substr(at).starts_with("{{")) {
      const std::string shown = evaluate(data, parseReference(text, at)).shown;
      for (size_t place : places) {
        if (prose.substr(place).starts_with(shown))
          next.insert(place + shown.size()); // a value of any number of words
        if (isWordBegin(prose, place))
          for (size_t end = place + 1, count = 0;
               end <= prose.size() && count < RewriteConstraint::maxWords; ++end)
            if (isWordEnd(prose, end)) {
              next.insert(end);
              ++count;
            }
      }
    } else {
      for (size_t place : places)
        if (place < prose.size() && prose[place] == text[at])
          next.insert(place + 1);
      ++at;
    }
    places = next;
  }
  return places.contains(prose.size());
}

std::string makeProse(test::RandomData &random, const DataTree &data) {
  static constexpr const char *pieces[] = {" ",     ", ",      ". ", "the ",  "Москва ", "-3.5 ",
                                           "{",     " {x} ",   "}}", "1,234", "12.5%",   "(a) ",
                                           "don't", "2024-03", "\n", "🙂"};
  std::string prose;
  for (size_t count = random.pick(12); count > 0; --count) {
    const NodeId node = static_cast<NodeId>(random.pick(data.size()));
    const std::string piece = random.pick(3) == 0 && isScalar(data, node)
                                  ? data[node].text + " "
                                  : std::string(random.choose(pieces));
    prose += piece;
  }
  for (size_t at; (at = prose.find("{{")) != std::string::npos;)
    prose.erase(at, 1);
  return prose;
}

TEST(RewriteConstraint, EveryWalkIsTheProse) {
  Vocabulary words;
  size_t references = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    test::RandomData random(seed);
    DataTree data("{\"z\": 1, \"ab\": \"Москва\", \"r\": " + random.makeRecord(2) + "}");
    const std::string prose = makeProse(random, data);
    RewriteConstraint constraint(*words.trie, data, prose, words.tokenizer->size());
    for (size_t more : {0, 1, 7, 30, 300}) {
      std::string problem;
      const size_t limit = constraint.getLeast() + more;
      const std::string text =
          test::walk(constraint, *words.tokenizer, random, limit, SIZE_MAX, problem);
      ASSERT_EQ(problem, "") << prose << " limit " << limit;
      constraint.reset();
      try {
        references += test::countReferences(data, text);
        EXPECT_TRUE(isRewrite(data, text, prose)) << prose << "\n" << text;
      } catch (const rt::Failure &failure) {
        FAIL() << failure.what() << "\n" << text << "\n" << prose;
      }
    }
  }
  EXPECT_GT(references, 1000u);
}

} // namespace
