//===- SessionConstraintTest.cpp - Sequences under a constraint -----------===//

#include "test/unit/runtime/AllocationCounter.h"
#include "test/unit/runtime/SessionFixture.h"

#include <array>
#include <gmock/gmock.h>
#include <thread>

using namespace nyala::test;
using testing::HasSubstr;

namespace {

constexpr std::string_view record = R"({"a": 7, "ab": "x", "total": {"x": 2.5, "n": [1, 2]}})";

class SessionConstraintTest : public SessionTest {
protected:
  ~SessionConstraintTest() override {
    // Sessions may still have them attached, models have to outlive them.
    nyala_session_close(session);
    session = nullptr;
    for (nyala_constraint *constraint : constraints)
      nyala_constraint_close(constraint);
    nyala_data_close(data);
  }

  /// With a constraint for each sequence.
  void openConstrained(uint32_t sequences = 1) {
    open(makeToy(64, 8, 8, 4), 0, 2, sequences);
    ASSERT_EQ(nyala_data_parse(record.data(), record.size(), &data), NYALA_OK);
    for (uint32_t i = 0; i < sequences; ++i)
      constraints.push_back(make());
  }
  nyala_constraint *make() {
    nyala_constraint *constraint = nullptr;
    EXPECT_EQ(nyala_constraint_create_references(model, data, &constraint), NYALA_OK)
        << nyala_last_error();
    return constraint;
  }
  void attach(size_t limit, uint32_t sequence = 0) {
    ASSERT_EQ(nyala_session_select(session, sequence), NYALA_OK);
    ASSERT_EQ(nyala_session_set_constraint(session, constraints[sequence], limit), NYALA_OK)
        << nyala_last_error();
  }
  nyala_status decode(std::string_view text) {
    nyala_status status = NYALA_OK;
    for (char byte : text)
      if (status == NYALA_OK)
        status = nyala_session_decode(session, static_cast<unsigned char>(byte));
    return status;
  }
  int32_t sample() {
    int32_t token = -1;
    EXPECT_EQ(nyala_session_sample(session, &token), NYALA_OK) << nyala_last_error();
    return token;
  }
  /// Is the token among those that may come, with so many left?
  bool allows(int32_t token, size_t left, uint32_t sequence = 0) {
    const uint64_t *mask = nullptr;
    size_t words = 0;
    EXPECT_EQ(nyala_constraint_mask(constraints[sequence], left, &mask, &words), NYALA_OK);
    EXPECT_EQ(words, (toyVocabulary + 63u) / 64);
    return mask[token / 64] >> (token % 64) & 1;
  }
  std::string render(std::string_view text, nyala_rendering rendering) {
    nyala_grounding *grounding = nullptr;
    EXPECT_EQ(nyala_grounding_create(data, text.data(), text.size(), &grounding), NYALA_OK)
        << nyala_last_error() << " in " << text;
    std::string result(1 << 16, '\0');
    size_t length = 0;
    EXPECT_EQ(
        nyala_grounding_render(grounding, rendering, "page", result.data(), result.size(), &length),
        NYALA_OK);
    nyala_grounding_close(grounding);
    result.resize(length);
    return result;
  }

  nyala_data *data = nullptr;
  std::vector<nyala_constraint *> constraints; ///< one for each sequence
};

TEST_F(SessionConstraintTest, GenerationsResolveAtEveryLimit) {
  openConstrained();
  size_t references = 0;
  for (uint64_t seed = 0; seed < 60; ++seed)
    for (size_t limit : {1, 9, 30, 100}) {
      // The toy's logits are up to 1008.
      const nyala_sampler_options options = {seed % 2 ? 300.0f : 0.0f,
                                             static_cast<uint32_t>(seed % 3 * 20),
                                             seed % 5 ? 1.0f : 0.9f, seed};
      ASSERT_EQ(nyala_session_set_sampler(session, &options), NYALA_OK);
      const Tokens prompt = makeTokens(1 + seed % 4);
      ASSERT_EQ(nyala_session_set_tokens(session, prompt.data(), prompt.size(), nullptr), NYALA_OK);
      nyala_constraint_reset(constraints[0]);
      attach(limit);
      std::string text;
      // What is forced comes under the constraint like anything else.
      if (limit >= 30) {
        ASSERT_EQ(decode("{{ "), NYALA_OK);
        text = "{{ ";
      }
      while (text.size() < limit && nyala_session_position(session) < 64) {
        const int32_t token = sample();
        if (nyala_model_is_stop(model, token))
          break;
        text += static_cast<char>(token);
        ASSERT_EQ(nyala_session_decode(session, token), NYALA_OK) << nyala_last_error();
      }
      EXPECT_TRUE(nyala_constraint_can_end(constraints[0])) << text;
      references += render(text, NYALA_RENDER_JSONL).find("\"reference\"") != std::string::npos;
    }
  EXPECT_GE(references, 120u);
}

TEST_F(SessionConstraintTest, WhatMayNotComeChangesNothing) {
  openConstrained();
  ASSERT_EQ(prefill({'{', '{', '{'}), NYALA_OK); // prompts are not constrained
  attach(20);
  ASSERT_EQ(decode("{{"), NYALA_OK);
  EXPECT_EQ(nyala_constraint_least(constraints[0]), 5u); // " a }}"
  const std::vector<float> before = logits();
  EXPECT_EQ(decode("q"), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("token 113 may not come next in sequence 0"));
  EXPECT_EQ(nyala_session_decode(session, 256), NYALA_INVALID_ARGUMENT); // it ends generations
  EXPECT_EQ(nyala_session_decode(session, 299), NYALA_INVALID_ARGUMENT); // no text
  EXPECT_EQ(nyala_session_position(session), 5u);
  EXPECT_EQ(logits(), before);
  EXPECT_EQ(nyala_constraint_least(constraints[0]), 5u);
  EXPECT_EQ(sample(), ' ');
  ASSERT_EQ(decode(" "), NYALA_OK);
  EXPECT_TRUE(allows('a', 20));
  EXPECT_FALSE(allows('t', 9)); // "total.x }}" takes 10
  EXPECT_TRUE(allows('t', 10));
}

TEST_F(SessionConstraintTest, CancelledStepsLeaveItWhereItWas) {
  openConstrained();
  attach(20);
  ASSERT_EQ(decode("{{ "), NYALA_OK);
  nyala_session_cancel(session);
  EXPECT_EQ(decode("a"), NYALA_CANCELLED);
  EXPECT_EQ(nyala_constraint_least(constraints[0]), 4u);
  EXPECT_TRUE(allows('t', 20));
  ASSERT_EQ(decode("total.x }}"), NYALA_OK);
  EXPECT_TRUE(nyala_constraint_can_end(constraints[0]));
}

TEST_F(SessionConstraintTest, KeepsBackWhatLimitAndContextLeave) {
  openConstrained();
  attach(7);
  EXPECT_EQ(decode("x{{ t"), NYALA_OK); // whoever writes that is not held back …
  EXPECT_EQ(nyala_session_set_constraint(session, constraints[0], 8), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("takes 9 tokens to complete, but only 8 are left"));
  EXPECT_EQ(nyala_session_set_constraint(session, constraints[0], 9), NYALA_OK);
  // … but sampling is: of 64 positions 6 are left, and no reference takes fewer than 8.
  nyala_constraint_reset(constraints[0]);
  const Tokens prompt = makeTokens(58);
  ASSERT_EQ(nyala_session_set_tokens(session, prompt.data(), prompt.size(), nullptr), NYALA_OK);
  attach(1000);
  ASSERT_EQ(decode("{"), NYALA_OK);
  const nyala_sampler_options options = {1e6f, 0, 1, 1}; // all alike
  ASSERT_EQ(nyala_session_set_sampler(session, &options), NYALA_OK);
  for (int i = 0; i < 3000; ++i)
    ASSERT_NE(sample(), '{');
}

TEST_F(SessionConstraintTest, WhatReplacesTokensDetachesIt) {
  openConstrained(2);
  const auto isAttached = [&] { return decode("{{q") != NYALA_OK; };
  const auto prepare = [&] {
    nyala_constraint_reset(constraints[0]);
    EXPECT_EQ(nyala_session_set_tokens(session, makeTokens(2).data(), 2, nullptr), NYALA_OK);
    attach(30);
  };
  prepare();
  EXPECT_TRUE(isAttached());
  EXPECT_EQ(nyala_session_rollback(session, 99), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(decode("q"), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_rollback(session, 1), NYALA_OK);
  EXPECT_FALSE(isAttached());
  prepare();
  EXPECT_EQ(nyala_session_set_tokens(session, makeTokens(3).data(), 3, nullptr), NYALA_OK);
  EXPECT_FALSE(isAttached());
  prepare();
  EXPECT_EQ(nyala_session_copy(session, 0, 1, 1), NYALA_OK); // from it
  EXPECT_TRUE(isAttached());
  EXPECT_EQ(nyala_session_copy(session, 1, 0, 1), NYALA_OK);
  EXPECT_FALSE(isAttached());
  const std::string path = directory.path("saved");
  ASSERT_EQ(nyala_session_save(session, path.c_str()), NYALA_OK);
  prepare();
  EXPECT_EQ(nyala_session_restore(session, path.c_str()), NYALA_OK);
  EXPECT_FALSE(isAttached());
  prepare();
  EXPECT_EQ(nyala_session_set_constraint(session, nullptr, 0), NYALA_OK);
  EXPECT_FALSE(isAttached());
}

TEST_F(SessionConstraintTest, SequencesHaveTheirOwn) {
  openConstrained(3);
  attach(40, 1);
  attach(40, 2);
  EXPECT_EQ(nyala_session_set_constraint(session, constraints[1], 40), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("attached to sequence 1"));
  const auto step = [&](Tokens fed) {
    const uint32_t ids[] = {2, 0, 1};
    return nyala_session_decode_batch(session, 3, ids, fed.data());
  };
  ASSERT_EQ(step({'{', 5, 'x'}), NYALA_OK);
  ASSERT_EQ(step({'{', 'q', '{'}), NYALA_OK);
  EXPECT_EQ(nyala_constraint_least(constraints[2]), 5u);
  // The last token may not come: the first, which may, is taken back.
  ASSERT_EQ(step({' ', 'q', '{'}), NYALA_OK);
  EXPECT_EQ(step({'t', 'q', 'q'}), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("in sequence 1"));
  EXPECT_EQ(nyala_constraint_least(constraints[2]), 4u);
  nyala_session_cancel(session);
  EXPECT_EQ(step({'t', 'q', ' '}), NYALA_CANCELLED);
  ASSERT_EQ(step({'a', 'q', ' '}), NYALA_OK);
  EXPECT_TRUE(allows('b', 30, 2));
  EXPECT_FALSE(allows('b', 30, 1));
  // Each picks by its own; sequence 0 by none.
  const std::vector<float> first = expectLogits({5, 'q', 'q', 'q'});
  nyala_session_select(session, 0);
  EXPECT_EQ(sample(), std::ranges::max_element(first) - first.begin());
  nyala_session_select(session, 1);
  EXPECT_THAT(sample(), testing::AnyOf('a', 't', '('));
  nyala_session_select(session, 2);
  EXPECT_THAT(sample(), testing::AnyOf('b', ' '));
}

TEST_F(SessionConstraintTest, ThreadsShareModelAndData) {
  openConstrained(0); // the first constraint is made by one of them
  std::vector<std::thread> threads;
  std::array<int, 4> references = {};
  for (int &count : references)
    threads.emplace_back([&] {
      nyala_session *own = nullptr;
      nyala_constraint *constraint = make();
      const nyala_session_options options = {0, 1, 1};
      EXPECT_EQ(nyala_session_create(model, &options, &own), NYALA_OK);
      EXPECT_EQ(nyala_session_set_constraint(own, constraint, 50), NYALA_OK);
      for (char byte : std::string_view("{{ a / total.x }}"))
        EXPECT_EQ(nyala_session_decode(own, byte), NYALA_OK);
      count += nyala_constraint_can_end(constraint);
      nyala_session_close(own);
      nyala_constraint_close(constraint);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_THAT(references, testing::Each(1));
}

TEST_F(SessionConstraintTest, StepsDoNotAllocate) {
  if (!canCountAllocations())
    GTEST_SKIP() << "the sanitizer has an allocator of its own";
  openConstrained(2);
  attach(64, 0);
  attach(64, 1);
  const size_t before = countAllocations();
  const uint32_t ids[] = {0, 1};
  int32_t fed[] = {'x', 'x'};
  for (const char byte : std::string_view("{{ total.n | sum }} {{ (a - total.x) | round }} ")) {
    fed[0] = byte;
    nyala_session_decode_batch(session, 2, ids, fed);
    nyala_session_select(session, 1);
    nyala_session_sample(session, &fed[1]);
    if (fed[1] == 256)
      fed[1] = '\n';
  }
  EXPECT_EQ(countAllocations(), before);
  EXPECT_EQ(nyala_session_position(session), 48u);
}

TEST_F(SessionConstraintTest, RewritesDoNotAllocate) {
  if (!canCountAllocations())
    GTEST_SKIP() << "the sanitizer has an allocator of its own";
  openConstrained();
  nyala_constraint *rewrite = nullptr;
  const std::string_view prose = "there are 3 of them and 17 more, all in all 4";
  ASSERT_EQ(nyala_constraint_create_rewrite(model, data, prose.data(), prose.size(), &rewrite),
            NYALA_OK)
      << nyala_last_error();
  const size_t before = countAllocations();
  size_t left = 400;
  while (!nyala_constraint_can_end(rewrite)) {
    const uint64_t *mask = nullptr;
    size_t words = 0;
    ASSERT_EQ(nyala_constraint_mask(rewrite, left--, &mask, &words), NYALA_OK);
    // The last one that may come: it opens references where it can.
    int32_t token = static_cast<int32_t>(64 * words) - 1;
    while (token >= 0 && !(mask[token / 64] >> (token % 64) & 1))
      --token;
    ASSERT_EQ(nyala_constraint_advance(rewrite, token), NYALA_OK) << left;
  }
  EXPECT_EQ(countAllocations(), before);
  nyala_constraint_close(rewrite);
}

TEST_F(SessionConstraintTest, RefusesWhatIsNotItsOwn) {
  openConstrained();
  nyala_constraint *own = constraints[0], *other = nullptr;
  nyala_model *second = nullptr;
  ASSERT_EQ(nyala_model_open(directory.path("toy.nyala").c_str(), &second), NYALA_OK);
  ASSERT_EQ(nyala_constraint_create_references(second, data, &other), NYALA_OK);
  EXPECT_EQ(nyala_session_set_constraint(session, other, 40), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("of another model"));
  nyala_constraint_close(other);
  nyala_model_close(second);

  EXPECT_EQ(nyala_constraint_create_references(nullptr, data, &other), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(nyala_constraint_create_references(model, nullptr, &other), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_constraint_create_references(model, data, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_constraint_advance(own, 999), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("999"));
  size_t words = 0;
  EXPECT_EQ(nyala_constraint_mask(own, 9, nullptr, &words), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_constraint_mask(nullptr, 9, nullptr, &words), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_set_constraint(nullptr, own, 9), NYALA_INVALID_ARGUMENT);
  EXPECT_FALSE(nyala_constraint_can_end(nullptr));
  EXPECT_EQ(nyala_constraint_least(nullptr), 0u);

  ArtifactSpec spec = makeToy();
  spec.tokenizer.reset();
  ASSERT_EQ(nyala_model_open(directory.write("dumb.nyala", buildArtifact(spec)).c_str(), &second),
            NYALA_OK);
  EXPECT_EQ(nyala_constraint_create_references(second, data, &other), NYALA_NOT_FOUND);
  EXPECT_THAT(nyala_last_error(), HasSubstr("has no tokenizer"));
  nyala_model_close(second);
}

TEST_F(SessionConstraintTest, ReadsDataAndRendersText) {
  openConstrained();
  nyala_data *wrong = nullptr;
  EXPECT_EQ(nyala_data_parse("{\"a\":\n nul}", 12, &wrong), NYALA_INVALID_TEXT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("line 2, column"));
  EXPECT_EQ(nyala_data_parse(nullptr, 3, &wrong), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(wrong, nullptr);
  const std::string text = "A {{ a }}{{ ab }}: {{ a / total.x }}";
  EXPECT_EQ(render(text, NYALA_RENDER_TEXT), "A 7x: 2.8");
  EXPECT_EQ(render(text, NYALA_RENDER_RAW), text);
  EXPECT_THAT(render(text, NYALA_RENDER_JSONL), HasSubstr("\"ref\":\"{{ a / total.x }}\""));
  EXPECT_THAT(render(text, NYALA_RENDER_HTML), HasSubstr("<title>page</title>"));
  nyala_grounding *grounding = nullptr;
  EXPECT_EQ(nyala_grounding_create(data, "x{{ c }}", 8, &grounding), NYALA_INVALID_TEXT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("no field 'c'"));
  EXPECT_EQ(nyala_grounding_create(data, nullptr, 8, &grounding), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(grounding, nullptr);
  ASSERT_EQ(nyala_grounding_create(data, "x", 1, &grounding), NYALA_OK);
  size_t length = 0;
  char one = '\0';
  EXPECT_EQ(nyala_grounding_render(grounding, static_cast<nyala_rendering>(9), nullptr, nullptr, 0,
                                   &length),
            NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_grounding_render(grounding, NYALA_RENDER_JSONL, nullptr, &one, 1, &length),
            NYALA_OK);
  EXPECT_EQ(one, '{');
  EXPECT_GT(length, 20u);
  EXPECT_EQ(nyala_grounding_render(grounding, NYALA_RENDER_HTML, nullptr, nullptr, 0, &length),
            NYALA_OK);
  nyala_grounding_close(grounding);
}

} // namespace
