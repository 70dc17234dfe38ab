//===- ConstraintTest.cpp - Masks that keep references right --------------===//

#include "runtime/core/Status.h"
#include "test/unit/grounding/Walk.h"
#include "test/unit/text/TokenizerFixture.h"

#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::rt::grounding;

namespace {

/// Bytes, and tokens that straddle all kinds of borders.
struct Vocabulary {
  Vocabulary() {
    for (const char *text :
         {"{{",    " {{",      "{{ ",   "}}",    " }}",          " }}.",   "}}\n",
          "x{",    "x{{",      "x{{ a", "{{{",   "}} {{ ",       "points", "ab",
          "abc",   " |",       " | ",   "round", "sum(",         "(\"",    "\")",
          "data",  "data[\"",  "[0",    "].",    "] }}",         "a }} b", " - ",
          "a - a", "date(\"%", "%d",    "ключ",  "key\"] }} and"})
      fixture.add(text);
    end = fixture.add("<|im_end|>", TokenKind::Control);
    special = fixture.add("<tool>", TokenKind::UserDefined);
    fixture.data.stops = {end};
    tokenizer = &fixture.build();
    trie.emplace(*tokenizer);
  }
  int32_t find(const std::string &text) const { return static_cast<int32_t>(fixture.find(text)); }

  TokenizerFixture fixture;
  uint32_t end, special;
  const rt::Tokenizer *tokenizer;
  std::optional<rt::TokenTrie> trie;
};

bool allows(rt::Constraint &constraint, int32_t token, size_t left = 1000) {
  return rt::isAllowed(constraint.mask(left), token);
}

TEST(ReferenceConstraint, AllowsTextAndWholeReferences) {
  Vocabulary words;
  DataTree data(R"({"a": 1, "ab": "x", "points": {"x": 2}})");
  ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
  EXPECT_TRUE(allows(constraint, 'q'));
  EXPECT_TRUE(allows(constraint, words.find("x{{ a")));
  EXPECT_TRUE(allows(constraint, static_cast<int32_t>(words.end)));
  EXPECT_FALSE(allows(constraint, static_cast<int32_t>(words.special)));
  EXPECT_FALSE(allows(constraint, words.find("{{{")));
  EXPECT_TRUE(constraint.advance(words.find("x{")));
  EXPECT_TRUE(constraint.canEnd());
  EXPECT_FALSE(allows(constraint, words.find("{{")));
  EXPECT_TRUE(constraint.advance('{'));
  EXPECT_FALSE(constraint.canEnd());
  EXPECT_EQ(constraint.getLeast(), 5u); // " a }}"
  EXPECT_FALSE(allows(constraint, static_cast<int32_t>(words.end)));
  EXPECT_FALSE(constraint.advance('q'));
  EXPECT_TRUE(constraint.advance(' '));
  EXPECT_TRUE(allows(constraint, words.find("ab")));
  EXPECT_FALSE(allows(constraint, words.find("abc")));
  EXPECT_TRUE(allows(constraint, words.find("a }} b")));
  EXPECT_TRUE(allows(constraint, words.find("a - a")));
  EXPECT_TRUE(constraint.advance(words.find("points")));
  EXPECT_FALSE(allows(constraint, words.find(" }}"))); // an object
  EXPECT_TRUE(allows(constraint, '.'));
}

TEST(ReferenceConstraint, KeepsBackWhatClosingTakes) {
  Vocabulary words;
  DataTree data(R"({"a": 1, "total": 2})");
  ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
  const int32_t open = words.find("{{ ");
  EXPECT_TRUE(allows(constraint, open, 5)); // and "a", " ", "}", "}"
  EXPECT_FALSE(allows(constraint, open, 4));
  EXPECT_TRUE(allows(constraint, open, 5));
  constraint.advance(open);
  EXPECT_FALSE(allows(constraint, 't', 7));
  EXPECT_TRUE(allows(constraint, 't', 8)); // and "otal }}"
  EXPECT_TRUE(allows(constraint, 'a', 4));
}

TEST(ReferenceConstraint, NeedsSomethingToReferTo) {
  Vocabulary words;
  for (const char *json : {"{}", "[]", "3", "\"x\"", "{\"a\": {\"b\": {}}}", "null"})
    EXPECT_THROW(
        {
          DataTree data(json);
          ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
        },
        rt::Failure)
        << json;
}

/// Is the mask what the automaton says token by token?
void expectExact(ReferenceConstraint &constraint, const Vocabulary &words, size_t left) {
  const std::span<const uint64_t> mask = constraint.mask(left);
  const std::vector<uint64_t> before(mask.begin(), mask.end());
  for (int32_t token = 0; token < static_cast<int32_t>(words.tokenizer->size()); ++token) {
    bool may = token == static_cast<int32_t>(words.end) && constraint.canEnd();
    if (constraint.advance(token)) {
      may = constraint.getLeast() < left;
      constraint.undo();
    }
    ASSERT_EQ(rt::isAllowed(before, token), may) << words.tokenizer->tokenBytes(token, true);
  }
}

TEST(ReferenceConstraint, MasksAreWhatMayComeTokenByToken) {
  Vocabulary words;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    test::RandomData random(seed);
    DataTree data("{\"z\": 1, \"r\": " + random.makeRecord(3) + "}");
    ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
    for (int repeat = 0; repeat < 10; ++repeat) {
      constraint.reset();
      for (char byte : random.makeReference(data) + "{ {{ ") {
        expectExact(constraint, words, 1 + random.pick(40));
        ASSERT_TRUE(constraint.advance(static_cast<unsigned char>(byte)));
      }
    }
  }
}

TEST(ReferenceConstraint, ForgetsPlacesWhereThereIsNoRoom) {
  Vocabulary words;
  std::string json = "{\"z\": 0";
  for (int key = 0; key < 9000; ++key)
    json += ",\"k" + std::to_string(key) + "xyz\": 1";
  DataTree data(json + '}');
  ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
  size_t most = 0;
  bool hasForgotten = false;
  for (int key = 0; key < 9000; ++key) {
    constraint.reset();
    for (char byte : "{{ k" + std::to_string(key) + "xyz") {
      constraint.mask(99);
      ASSERT_TRUE(constraint.advance(static_cast<unsigned char>(byte)));
    }
    hasForgotten |= constraint.countStates() < most;
    most = std::max(most, constraint.countStates());
    if (key % 500 == 0)
      expectExact(constraint, words, 10);
  }
  EXPECT_TRUE(hasForgotten) << most;
  expectExact(constraint, words, 10);
}

TEST(ReferenceConstraint, EveryWalkParsesAndResolves) {
  Vocabulary words;
  size_t references = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    test::RandomData random(seed);
    DataTree data(seed % 10 == 9 ? "[" + random.makeRecord(2) + ", 5]"
                                 : "{\"z\": 1, \"r\": " + random.makeRecord(3) + "}");
    ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
    for (size_t limit : {1, 3, 7, 12, 20, 60, 300}) {
      std::string problem;
      std::string text =
          test::walk(constraint, *words.tokenizer, random, limit, random.pick(limit + 1), problem);
      ASSERT_EQ(problem, "") << data.toJson(DataTree::root) << " limit " << limit;
      try {
        references += test::countReferences(data, text);
      } catch (const rt::Failure &failure) {
        FAIL() << failure.what() << "\n" << text << "\n" << data.toJson(DataTree::root);
      }
    }
  }
  EXPECT_GT(references, 500u);
}

TEST(ReferenceConstraint, LetsEveryReferenceThrough) {
  Vocabulary words;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    test::RandomData random(seed);
    DataTree data("{\"z\": 1, \"r\": " + random.makeRecord(3) + "}");
    ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::string reference = random.makeReference(data);
      std::string text = random.pick(2) ? "x" + reference + reference : reference + " {";
      EXPECT_EQ(test::countReferences(data, reference), 1u) << reference;
      constraint.reset();
      // Cut into tokens anyhow.
      for (size_t at = 0; at < text.size();) {
        std::vector<int32_t> fitting;
        for (size_t id = 0; id < words.tokenizer->size(); ++id)
          if (std::string_view token = words.tokenizer->tokenBytes(static_cast<int32_t>(id), false);
              !token.empty() && id < words.end &&
              std::string_view(text).substr(at).starts_with(token))
            fitting.push_back(static_cast<int32_t>(id));
        int32_t token = random.choose(fitting);
        ASSERT_TRUE(allows(constraint, token)) << text.substr(0, at) << "␣" << text.substr(at)
                                               << " in " << data.toJson(DataTree::root);
        ASSERT_TRUE(constraint.advance(token));
        at += words.tokenizer->tokenBytes(token, false).size();
      }
      EXPECT_TRUE(constraint.canEnd());
    }
  }
}

} // namespace
