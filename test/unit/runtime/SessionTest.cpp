//===- SessionTest.cpp - Prefill, decode and what lies between ------------===//

#include "test/unit/runtime/AllocationCounter.h"
#include "test/unit/runtime/SessionFixture.h"

#include <gmock/gmock.h>
#include <thread>
#include <xmmintrin.h>

using namespace nyala::test;
using testing::HasSubstr;

namespace {

TEST_F(SessionTest, DecodeFollowsPrefill) {
  for (uint32_t threads : {1, 2, 3, 5, 40}) {
    open(makeToy(), 0, threads);
    EXPECT_EQ(nyala_session_logits(session), nullptr);
    Tokens tokens = makeTokens(5);
    ASSERT_EQ(prefill(tokens), NYALA_OK);
    EXPECT_EQ(nyala_session_position(session), 5u);
    EXPECT_EQ(logits(), expectLogits(tokens));
    for (int32_t token : {9, 0, toyVocabulary - 1}) {
      tokens.push_back(token);
      ASSERT_EQ(nyala_session_decode(session, token), NYALA_OK);
      EXPECT_EQ(nyala_session_position(session), tokens.size());
      EXPECT_EQ(logits(), expectLogits(tokens));
    }
  }
}

TEST_F(SessionTest, ChunksGiveWhatOneChunkGives) {
  for (size_t count : {1, 2, 7, 8, 9, 16, 17, 63, 64}) {
    open(makeToy());
    const Tokens tokens = makeTokens(count);
    ASSERT_EQ(prefill(tokens), NYALA_OK);
    EXPECT_EQ(logits(), expectLogits(tokens)) << count;
    // Only the last chunk has wanted rows: the others leave the last kernels out.
    EXPECT_EQ(countLastKernel(), 1) << count;
  }
}

TEST_F(SessionTest, PrefillAllReportsEachRow) {
  for (uint32_t rows : {8, 3, 1}) {
    open(makeToy(64, rows, rows));
    const Tokens tokens = makeTokens(29);
    struct Seen {
      const Tokens &tokens;
      size_t rows;
    } seen = {tokens, 0};
    const auto row = [](void *user, size_t index, const float *logits) {
      Seen &seen = *static_cast<Seen *>(user);
      EXPECT_EQ(index, seen.rows++);
      const Tokens before(seen.tokens.begin(), seen.tokens.begin() + index + 1);
      EXPECT_EQ(take(logits), expectLogits(before));
    };
    ASSERT_EQ(nyala_session_prefill_all(session, tokens.data(), tokens.size(), row, &seen),
              NYALA_OK);
    EXPECT_EQ(seen.rows, tokens.size());
    EXPECT_EQ(logits(), expectLogits(tokens));
  }
}

TEST_F(SessionTest, PrefillAllNeedsLogitsOfAllRows) {
  const auto row = [](void *seen, size_t, const float *) { *static_cast<bool *>(seen) = true; };
  bool seen = false;
  open(makeToy(64, 8, 1));
  const Tokens tokens = makeTokens(29);
  ASSERT_EQ(prefill(tokens), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(tokens));
  for (size_t count : {1, 29})
    EXPECT_EQ(nyala_session_prefill_all(session, tokens.data(), count, row, &seen),
              NYALA_UNSUPPORTED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("--skip-prefill-tail"));
  EXPECT_FALSE(seen);
  // What comes first: the arguments, and nothing is changed.
  EXPECT_EQ(nyala_session_prefill_all(session, tokens.data(), 0, row, &seen),
            NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_position(session), 29u);
  EXPECT_EQ(logits(), expectLogits(tokens));
  // A prefill of one row, and decode alone, give all there is.
  ArtifactSpec decodeAlone = makeToy();
  decodeAlone.entries.resize(1);
  for (const ArtifactSpec &spec : {makeToy(64, 1, 1), decodeAlone}) {
    open(spec);
    const Tokens tokens = makeTokens(5);
    EXPECT_EQ(nyala_session_prefill_all(session, tokens.data(), tokens.size(), row, &seen),
              NYALA_OK);
    EXPECT_TRUE(seen);
  }
}

TEST_F(SessionTest, OneEntryIsEnough) {
  for (size_t kept : {0, 1}) {
    ArtifactSpec spec = makeToy();
    spec.entries = {spec.entries[kept]};
    open(spec);
    Tokens tokens = makeTokens(11);
    ASSERT_EQ(prefill(tokens), NYALA_OK);
    EXPECT_EQ(logits(), expectLogits(tokens));
    tokens.push_back(4);
    ASSERT_EQ(nyala_session_decode(session, 4), NYALA_OK);
    EXPECT_EQ(logits(), expectLogits(tokens));
  }
}

TEST_F(SessionTest, RollbackForgets) {
  open(makeToy());
  Tokens tokens = makeTokens(20);
  ASSERT_EQ(prefill(tokens), NYALA_OK);
  ASSERT_EQ(nyala_session_rollback(session, 6), NYALA_OK);
  EXPECT_EQ(nyala_session_position(session), 6u);
  EXPECT_EQ(nyala_session_logits(session), nullptr);
  tokens.resize(6);
  tokens.push_back(77);
  ASSERT_EQ(nyala_session_decode(session, 77), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(tokens));
  EXPECT_EQ(nyala_session_rollback(session, 8), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("position 8"));
  EXPECT_EQ(logits(), expectLogits(tokens));
  ASSERT_EQ(nyala_session_rollback(session, 0), NYALA_OK);
  ASSERT_EQ(prefill({5}), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits({5}));
}

TEST_F(SessionTest, FullContextAppendsNothing) {
  open(makeToy(), 10);
  EXPECT_EQ(nyala_session_context(session), 10u);
  EXPECT_EQ(prefill(makeTokens(11)), NYALA_CONTEXT_FULL);
  EXPECT_THAT(nyala_last_error(), HasSubstr("position 0 of 10"));
  EXPECT_EQ(nyala_session_position(session), 0u);
  const Tokens tokens = makeTokens(10);
  ASSERT_EQ(prefill(tokens), NYALA_OK);
  EXPECT_EQ(nyala_session_decode(session, 1), NYALA_CONTEXT_FULL);
  EXPECT_THAT(nyala_last_error(), HasSubstr("position 10 of 10"));
  EXPECT_EQ(nyala_session_position(session), 10u);
  EXPECT_EQ(logits(), expectLogits(tokens));
}

TEST_F(SessionTest, TokensOutOfRangeAppendNothing) {
  open(makeToy());
  for (int32_t token : {-1, int{toyVocabulary}, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(nyala_session_decode(session, token), NYALA_INVALID_ARGUMENT);
    Tokens tokens = makeTokens(12);
    tokens[9] = token;
    EXPECT_EQ(prefill(tokens), NYALA_INVALID_ARGUMENT);
    EXPECT_THAT(nyala_last_error(), HasSubstr("token 9 is " + std::to_string(token)));
  }
  EXPECT_EQ(prefill({}), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_position(session), 0u);
}

TEST_F(SessionTest, CancelStopsThePrefillOnce) {
  open(makeToy());
  const Tokens tokens = makeTokens(20);
  nyala_session_cancel(session);
  EXPECT_EQ(prefill(tokens), NYALA_CANCELLED);
  EXPECT_EQ(nyala_session_position(session), 0u);
  ASSERT_EQ(prefill(tokens), NYALA_OK);

  // Between chunks: the first one's rows were seen, nothing stays appended.
  const auto cancelAtFifth = [](void *session, size_t index, const float *) {
    EXPECT_LT(index, 8u);
    if (index == 5)
      nyala_session_cancel(static_cast<nyala_session *>(session));
  };
  EXPECT_EQ(nyala_session_prefill_all(session, tokens.data(), 20, cancelAtFifth, session),
            NYALA_CANCELLED);
  EXPECT_EQ(nyala_session_position(session), 20u);
  EXPECT_EQ(nyala_session_logits(session), nullptr);
  Tokens longer = tokens;
  longer.push_back(1);
  ASSERT_EQ(nyala_session_decode(session, 1), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(longer));
}

TEST_F(SessionTest, CancelStopsADecode) {
  ArtifactSpec spec = makeToy();
  // Some hundred milliseconds: the cancel comes while it runs, or before it begins.
  spec.entries[0].steps.insert(spec.entries[0].steps.begin(), 200, {4, {}, 0, {}});
  open(spec);
  Tokens expected = makeTokens(20);
  ASSERT_EQ(prefill(expected), NYALA_OK);
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    nyala_session_cancel(session);
  });
  EXPECT_EQ(nyala_session_decode(session, 8), NYALA_CANCELLED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("position 20"));
  canceller.join();
  EXPECT_EQ(tokens(), expected);
  EXPECT_EQ(nyala_session_logits(session), nullptr);
  ASSERT_EQ(nyala_session_decode(session, 9), NYALA_OK);
  expected.push_back(9);
  EXPECT_EQ(logits(), expectLogits(expected));
}

TEST_F(SessionTest, CancelWaitsForTheNextCallUnlessCleared) {
  open(makeToy());
  ASSERT_EQ(prefill({1, 2}), NYALA_OK);
  // Neither calls that evaluate nothing nor refused ones answer it; several count as one.
  nyala_session_cancel(session);
  nyala_session_cancel(session);
  EXPECT_EQ(nyala_session_rollback(session, 1), NYALA_OK);
  EXPECT_EQ(nyala_session_decode(session, -1), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_decode(session, 3), NYALA_CANCELLED);
  EXPECT_EQ(nyala_session_decode(session, 3), NYALA_OK);
  nyala_session_cancel(session);
  nyala_session_clear_cancel(session);
  EXPECT_EQ(nyala_session_decode(session, 4), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits({1, 3, 4}));
}

TEST_F(SessionTest, SetTokensKeepsTheCommonPrefix) {
  const Tokens held = makeTokens(20);
  Tokens other = makeTokens(30);
  other[11] = 299;
  struct Case {
    Tokens tokens;
    size_t kept;
  };
  const Case cases[] = {{other, 11},        {makeTokens(33), 20}, {held, 19},
                        {makeTokens(4), 3}, {makeTokens(1), 0},   {{7}, 0}};
  for (const Case &c : cases) {
    open(makeToy());
    size_t kept = 99;
    ASSERT_EQ(nyala_session_set_tokens(session, held.data(), held.size(), &kept), NYALA_OK);
    EXPECT_EQ(kept, 0u);
    ASSERT_EQ(nyala_session_set_tokens(session, c.tokens.data(), c.tokens.size(), &kept), NYALA_OK);
    EXPECT_EQ(kept, c.kept);
    EXPECT_EQ(tokens(), c.tokens);
    EXPECT_EQ(logits(), expectLogits(c.tokens));
    // The toy counts in its cache how often a position was computed.
    const std::vector<int32_t> counts = countEvaluations();
    ASSERT_EQ(counts.size(), c.tokens.size());
    for (size_t i = 0; i < counts.size(); ++i)
      EXPECT_EQ(counts[i], i >= c.kept && i < held.size() ? 2 : 1) << i;
  }
}

TEST_F(SessionTest, SetTokensThatFails) {
  open(makeToy(), 24);
  const Tokens held = makeTokens(20);
  ASSERT_EQ(prefill(held), NYALA_OK);
  Tokens wrong = makeTokens(22);
  wrong[21] = toyVocabulary;
  EXPECT_EQ(nyala_session_set_tokens(session, wrong.data(), wrong.size(), nullptr),
            NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_set_tokens(session, nullptr, 0, nullptr), NYALA_INVALID_ARGUMENT);
  const Tokens longer = makeTokens(25);
  EXPECT_EQ(nyala_session_set_tokens(session, longer.data(), longer.size(), nullptr),
            NYALA_CONTEXT_FULL);
  EXPECT_EQ(tokens(), held);
  EXPECT_EQ(logits(), expectLogits(held));
  Tokens other = held;
  other[9] = 1;
  nyala_session_cancel(session);
  EXPECT_EQ(nyala_session_set_tokens(session, other.data(), other.size(), nullptr),
            NYALA_CANCELLED);
  EXPECT_EQ(tokens(), Tokens(held.begin(), held.begin() + 9));
  // Its own tokens may be given to it.
  size_t count = 0, kept = 0;
  const int32_t *own = nyala_session_tokens(session, &count);
  ASSERT_EQ(nyala_session_set_tokens(session, own, count, &kept), NYALA_OK);
  EXPECT_EQ(kept, 8u);
  EXPECT_EQ(logits(), expectLogits(tokens()));
}

TEST_F(SessionTest, DecodeDoesNotAllocate) {
  if (!canCountAllocations())
    GTEST_SKIP() << "the sanitizer has an allocator of its own";
  open(makeToy(), 0, 3);
  ASSERT_EQ(prefill(makeTokens(3)), NYALA_OK);
  const nyala_sampler_options options = {0.8f, 40, 0.9f, 7};
  ASSERT_EQ(nyala_session_set_sampler(session, &options), NYALA_OK);
  const size_t before = countAllocations();
  int32_t token = 0;
  for (int i = 0; i < 50; ++i) {
    nyala_session_sample(session, &token);
    nyala_session_decode(session, token);
  }
  EXPECT_EQ(countAllocations(), before);
  EXPECT_EQ(nyala_session_position(session), 53u);
  EXPECT_GT(before, 0u);
}

TEST_F(SessionTest, KeepsTheCallersFloatingPointMode) {
  open(makeToy());
  const unsigned saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040); // flush to zero, denormals are zero
  EXPECT_EQ(prefill({1, 2, 3}), NYALA_OK);
  EXPECT_EQ(_mm_getcsr(), saved | 0x8040);
  _mm_setcsr(saved);
}

TEST_F(SessionTest, OptionsOutOfRange) {
  open(makeToy());
  nyala_session *other = nullptr;
  nyala_session_options options = {65, 1, 1};
  EXPECT_EQ(nyala_session_create(model, &options, &other), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("context: expected 1 to 64"));
  options = {0, 257, 1};
  EXPECT_EQ(nyala_session_create(model, &options, &other), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("threads: expected 1 to 256"));
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(nyala_session_create(model, nullptr, &other), NYALA_OK);
  EXPECT_EQ(nyala_session_context(other), 64u);
  nyala_session_close(other);
}

TEST_F(SessionTest, SampleNeedsLogits) {
  open(makeToy());
  int32_t token = -5;
  EXPECT_EQ(nyala_session_sample(session, &token), NYALA_INVALID_ARGUMENT);
  ASSERT_EQ(prefill({1}), NYALA_OK);
  ASSERT_EQ(nyala_session_sample(session, &token), NYALA_OK);
  const std::vector<float> expected = logits();
  EXPECT_EQ(token, std::max_element(expected.begin(), expected.end()) - expected.begin());
  const nyala_sampler_options wrong = {-1.0f, 0, 1.0f, 0};
  EXPECT_EQ(nyala_session_set_sampler(session, &wrong), NYALA_INVALID_ARGUMENT);
}

/// Adds up what nyala_session_profile_end reports.
struct Profile {
  std::vector<std::string> steps;              ///< "decode 0 append 3": entry, step, kernel, calls
  std::vector<std::pair<double, double>> work; ///< bytes, flops
  static void add(void *user, const nyala_step_profile *step) {
    auto &profile = *static_cast<Profile *>(user);
    profile.steps.push_back(std::string(step->entry) + " " + std::to_string(step->step) + " " +
                            step->kernel + " " + std::to_string(step->calls));
    profile.work.emplace_back(step->bytes, step->flops);
    EXPECT_GT(step->seconds, 0);
    EXPECT_GT(step->busy_seconds, 0);
    // Two workers.
    EXPECT_LE(step->busy_seconds, 2 * step->seconds);
  }
};

TEST_F(SessionTest, ProfileAddsUpSteps) {
  ArtifactSpec spec = makeToy();
  for (ArtifactSpec::Entry &entry : spec.entries) {
    entry.steps[1].cost = {.flopsPerRow = 1,
                           .bytesFixed = 1000,
                           .bytesPerRow = 10,
                           .flopsPerRowPosition = 100,
                           .bytesPerRowPosition = 10000};
    entry.steps[3].cost = {.flopsPerRowPosition = 1};
  }
  open(spec);
  ASSERT_EQ(prefill(makeTokens(3)), NYALA_OK);
  ASSERT_EQ(nyala_session_profile_begin(session), NYALA_OK);
  // Chunks of 8 and 2 rows after the 3 positions; logits of one row.
  ASSERT_EQ(prefill(makeTokens(10)), NYALA_OK);
  ASSERT_EQ(nyala_session_decode(session, 1), NYALA_OK);
  ASSERT_EQ(nyala_session_decode(session, 2), NYALA_OK);
  Profile profile;
  ASSERT_EQ(nyala_session_profile_end(session, Profile::add, &profile), NYALA_OK);
  EXPECT_THAT(profile.steps,
              testing::ElementsAre("decode 0 append 2", "decode 1 hash 2", "decode 2 pick 2",
                                   "decode 3 logits 2", "prefill 0 append 2", "prefill 1 hash 2",
                                   "prefill 2 pick 1", "prefill 3 logits 1"));
  const auto work = [](int calls, int rows, int positions) {
    return std::pair<double, double>(1000 * calls + 10 * rows + 10000 * positions,
                                     rows + 100 * positions);
  };
  EXPECT_EQ(profile.work[0], work(0, 0, 0));
  EXPECT_EQ(profile.work[1], work(2, 2, 14 + 15));
  EXPECT_EQ(profile.work[5], work(2, 10, (4 + 13) * 10 / 2));
  // The wanted row is the last one: it attends to 13 positions.
  EXPECT_EQ(profile.work[7], std::make_pair(0.0, 13.0));

  // Ended: nothing is recorded, and there is nothing to end.
  ASSERT_EQ(nyala_session_decode(session, 3), NYALA_OK);
  EXPECT_EQ(nyala_session_profile_end(session, Profile::add, &profile), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("begin"));
  ASSERT_EQ(nyala_session_profile_begin(session), NYALA_OK);
  EXPECT_EQ(nyala_session_profile_end(session, nullptr, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_profile_end(session, Profile::add, &profile), NYALA_OK);
  EXPECT_EQ(profile.steps.size(), 8u);
}

TEST_F(SessionTest, NullsAreArguments) {
  open(makeToy());
  EXPECT_EQ(nyala_session_prefill(nullptr, nullptr, 1), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_prefill(session, nullptr, 1), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_prefill_all(session, nullptr, 0, nullptr, nullptr),
            NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_decode(nullptr, 0), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_create(nullptr, nullptr, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_rollback(nullptr, 0), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_sample(session, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_set_sampler(session, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_profile_begin(nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_profile_end(nullptr, Profile::add, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_logits(nullptr), nullptr);
  EXPECT_EQ(nyala_session_set_tokens(nullptr, nullptr, 1, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_set_tokens(session, nullptr, 1, nullptr), NYALA_INVALID_ARGUMENT);
  size_t count = 9;
  EXPECT_EQ(nyala_session_tokens(nullptr, &count), nullptr);
  EXPECT_EQ(count, 0u);
  nyala_session_cancel(nullptr);
  nyala_session_clear_cancel(nullptr);
  nyala_session_close(nullptr);
}

} // namespace
