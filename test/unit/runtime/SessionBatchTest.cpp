//===- SessionBatchTest.cpp - Several sequences in a session --------------===//

#include "test/unit/runtime/AllocationCounter.h"
#include "test/unit/runtime/SessionFixture.h"

#include <algorithm>
#include <gmock/gmock.h>

using namespace nyala::test;
using testing::HasSubstr;

namespace {

class SessionBatchTest : public SessionTest {
protected:
  using Ids = std::vector<uint32_t>;

  /// A session of `count` sequences; steps of at most 8.
  void openSequences(uint32_t count, uint32_t context = 0, uint32_t threads = 2) {
    open(makeToy(64, 8, 8, 16), context, threads, count);
    held.assign(count, {});
  }
  void select(uint32_t sequence) {
    ASSERT_EQ(nyala_session_select(session, sequence), NYALA_OK) << nyala_last_error();
  }
  /// Gives each sequence a prompt of its own length and tokens.
  void prefillEach() {
    for (uint32_t i = 0; i < held.size(); ++i) {
      held[i] = makeTokens(3 + i * 5 % 11);
      held[i][0] = static_cast<int32_t>(i);
      select(i);
      ASSERT_EQ(prefill(held[i]), NYALA_OK);
    }
  }
  nyala_status decodeBatch(const Ids &ids, const Tokens &fed) {
    return nyala_session_decode_batch(session, ids.size(), ids.data(), fed.data());
  }
  /// The same; it must succeed.
  void step(const Ids &ids) {
    Tokens fed;
    for (uint32_t id : ids) {
      fed.push_back(static_cast<int32_t>((id * 31 + held[id].size()) % toyVocabulary));
      held[id].push_back(fed.back());
    }
    ASSERT_EQ(decodeBatch(ids, fed), NYALA_OK) << nyala_last_error();
  }
  /// Is every sequence what `held` says, and have those of `evaluated` logits and no others?
  void expectHeld(const Ids &evaluated) {
    for (uint32_t i = 0; i < held.size(); ++i) {
      select(i);
      EXPECT_EQ(tokens(), held[i]) << i;
      EXPECT_EQ(nyala_session_position(session), held[i].size()) << i;
      const bool hasLogits = std::ranges::count(evaluated, i) > 0;
      EXPECT_EQ(logits(), hasLogits ? expectLogits(held[i]) : std::vector<float>()) << i;
    }
  }

  std::vector<Tokens> held; ///< what each sequence should hold
};

TEST_F(SessionBatchTest, RowsAreWhatTheyAreAlone) {
  for (uint32_t threads : {1, 2, 3}) {
    openSequences(16, 0, threads);
    EXPECT_EQ(nyala_session_sequences(session), 16u);
    prefillEach();
    expectHeld({15});
    for (const Ids &ids : {Ids{0, 1, 2, 3, 4, 5, 6, 7}, Ids{15, 3, 9}, Ids{4}, Ids{5, 4, 15, 0}}) {
      step(ids);
      expectHeld(ids);
    }
  }
}

TEST_F(SessionBatchTest, CallsWithoutASequenceWorkOnTheSelectedOne) {
  openSequences(3);
  prefillEach();
  select(1);
  ASSERT_EQ(nyala_session_decode(session, 42), NYALA_OK);
  held[1].push_back(42);
  expectHeld({1});
  select(2);
  ASSERT_EQ(nyala_session_rollback(session, 2), NYALA_OK);
  held[2].resize(2);
  size_t kept = 0;
  held[0].resize(2);
  held[0].push_back(7);
  select(0);
  ASSERT_EQ(nyala_session_set_tokens(session, held[0].data(), 3, &kept), NYALA_OK);
  EXPECT_EQ(kept, 2u);
  expectHeld({0});
  // Sequences begin with nothing, and can begin again.
  select(2);
  ASSERT_EQ(nyala_session_rollback(session, 0), NYALA_OK);
  held[2] = {};
  expectHeld({0});
  step({2, 1});
  expectHeld({1, 2});
  EXPECT_EQ(nyala_session_select(session, 3), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("no sequence 3, expected 0 to 2"));
  EXPECT_THAT(nyala_last_error(), HasSubstr("at most 16"));
}

TEST_F(SessionBatchTest, RefusedStepsChangeNothing) {
  openSequences(16, 14);
  prefillEach();
  held[2] = makeTokens(14);
  select(2);
  ASSERT_EQ(nyala_session_set_tokens(session, held[2].data(), 14, nullptr), NYALA_OK);
  struct Case {
    Ids ids;
    Tokens tokens;
    nyala_status status;
    const char *message;
  };
  const Case cases[] = {
      {{0, 2, 1}, {1, 2, 3}, NYALA_CONTEXT_FULL, "the context of sequence 2 is full"},
      {{0, 1, 0}, {1, 2, 3}, NYALA_INVALID_ARGUMENT, "sequence 0 comes twice"},
      {{0, 16}, {1, 2}, NYALA_INVALID_ARGUMENT, "no sequence 16, expected 0 to 15"},
      {{0, 1}, {1, -1}, NYALA_INVALID_ARGUMENT, "the token of sequence 1 is -1"},
      {{0, 1}, {1, toyVocabulary}, NYALA_INVALID_ARGUMENT, "0 to 299"},
      {{}, {}, NYALA_INVALID_ARGUMENT, "no sequences"},
      {{0, 1, 3, 4, 5, 6, 7, 8, 9},
       Tokens(9),
       NYALA_INVALID_ARGUMENT,
       "9 sequences, expected at "
       "most 8"},
  };
  for (const Case &c : cases) {
    EXPECT_EQ(decodeBatch(c.ids, c.tokens), c.status) << c.message;
    EXPECT_THAT(nyala_last_error(), HasSubstr(c.message));
    expectHeld({2});
  }
  const uint32_t id = 0;
  EXPECT_EQ(nyala_session_decode_batch(session, 1, &id, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_decode_batch(session, 1, nullptr, held[2].data()),
            NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_decode_batch(nullptr, 0, nullptr, nullptr), NYALA_INVALID_ARGUMENT);
  // A refused step does not make the next one's sequences come twice.
  step({0, 1});
  expectHeld({0, 1});
}

TEST_F(SessionBatchTest, StepsNeedLogitsOfAllRows) {
  open(makeToy(64, 8, 1, 16), 0, 2, 4);
  EXPECT_EQ(decodeBatch({0, 1}, {1, 2}), NYALA_UNSUPPORTED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("--skip-prefill-tail"));
  EXPECT_EQ(decodeBatch({3}, {1}), NYALA_OK);
  select(3);
  EXPECT_EQ(logits(), expectLogits({1}));
  // Rows of one are no reason to compile otherwise.
  open(makeToy(64, 1, 1, 16), 0, 2, 4);
  EXPECT_EQ(decodeBatch({0, 1}, {1, 2}), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("--prefill-rows"));
}

TEST_F(SessionBatchTest, CancelStopsTheStepOfAll) {
  openSequences(4);
  prefillEach();
  nyala_session_cancel(session);
  EXPECT_EQ(decodeBatch({0, 3}, {1, 2}), NYALA_CANCELLED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("2 sequences"));
  expectHeld({});
  step({0, 3});
  expectHeld({0, 3});
}

TEST_F(SessionBatchTest, CopiesGoOnAsTheirSource) {
  openSequences(4);
  prefillEach();
  // A part has no logits.
  ASSERT_EQ(nyala_session_copy(session, 3, 0, 2), NYALA_OK);
  held[0].assign(held[3].begin(), held[3].begin() + 2);
  expectHeld({3});
  // The whole has, whichever was evaluated.
  ASSERT_EQ(nyala_session_copy(session, 3, 1, static_cast<uint32_t>(held[3].size())), NYALA_OK);
  held[1] = held[3];
  ASSERT_EQ(nyala_session_copy(session, 2, 2, static_cast<uint32_t>(held[2].size())), NYALA_OK);
  expectHeld({1, 3});
  step({0, 1, 2, 3});
  expectHeld({0, 1, 2, 3});
  // To itself: what rollback does.
  ASSERT_EQ(nyala_session_copy(session, 1, 1, 3), NYALA_OK);
  held[1].resize(3);
  expectHeld({0, 2, 3});
  ASSERT_EQ(nyala_session_copy(session, 0, 3, 0), NYALA_OK);
  held[3] = {};
  expectHeld({0, 2});
  step({3, 1});
  expectHeld({1, 3});
  EXPECT_EQ(nyala_session_copy(session, 0, 4, 0), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("no sequence 4"));
  EXPECT_EQ(nyala_session_copy(session, 1, 0, 5), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("sequence 1 is at 4"));
  EXPECT_EQ(nyala_session_copy(nullptr, 0, 0, 0), NYALA_INVALID_ARGUMENT);
  expectHeld({1, 3});
}

TEST_F(SessionBatchTest, SamplersAreTheSequencesOwn) {
  openSequences(2);
  const nyala_sampler_options options = {300, 40, 0.9f, 7};
  const auto draw = [&](uint32_t sequence) {
    select(sequence);
    int32_t token = -1;
    EXPECT_EQ(nyala_session_sample(session, &token), NYALA_OK) << nyala_last_error();
    return token;
  };
  select(1);
  ASSERT_EQ(nyala_session_set_sampler(session, &options), NYALA_OK);
  ASSERT_EQ(decodeBatch({0, 1}, {5, 5}), NYALA_OK);
  std::vector<float> expected = expectLogits({5});
  const auto greedy = std::ranges::max_element(expected) - expected.begin();
  Tokens drawn;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(draw(0), greedy);
    drawn.push_back(draw(1));
  }
  EXPECT_NE(drawn, Tokens(20, static_cast<int32_t>(greedy)));
  ASSERT_EQ(nyala_session_set_sampler(session, &options), NYALA_OK);
  for (int32_t token : drawn)
    EXPECT_EQ(draw(1), token);
}

TEST_F(SessionBatchTest, AnySequenceIsSavedAndRestoredIntoAny) {
  openSequences(3);
  prefillEach();
  step({0, 1, 2});
  const std::string path = directory.path("saved");
  select(1);
  ASSERT_EQ(nyala_session_save(session, path.c_str()), NYALA_OK);
  select(2);
  ASSERT_EQ(nyala_session_restore(session, path.c_str()), NYALA_OK) << nyala_last_error();
  held[2] = held[1];
  expectHeld({2});
  step({2, 1});
  expectHeld({1, 2});
  // A session of one sequence takes it as well.
  const Tokens saved(held[1].begin(), held[1].end() - 1);
  open(makeToy(64, 8, 8, 16));
  ASSERT_EQ(nyala_session_restore(session, path.c_str()), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(tokens(), saved);
  EXPECT_EQ(logits(), expectLogits(saved));
}

TEST_F(SessionBatchTest, StepsDoNotAllocate) {
  if (!canCountAllocations())
    GTEST_SKIP() << "the sanitizer has an allocator of its own";
  openSequences(16, 0, 3);
  const Ids ids = {14, 1, 0, 7, 15};
  Tokens fed(ids.size(), 3);
  const size_t before = countAllocations();
  for (int i = 0; i < 30; ++i) {
    nyala_session_decode_batch(session, ids.size(), ids.data(), fed.data());
    for (size_t row = 0; row < ids.size(); ++row) {
      nyala_session_select(session, ids[row]);
      nyala_session_sample(session, &fed[row]);
    }
  }
  EXPECT_EQ(countAllocations(), before);
  EXPECT_EQ(nyala_session_position(session), 30u);
}

TEST_F(SessionBatchTest, ProfileCountsRowsAndTheirPositions) {
  ArtifactSpec spec = makeToy(64, 8, 8, 16);
  for (ArtifactSpec::Entry &entry : spec.entries)
    entry.steps[1].cost = {.flopsPerRow = 1, .flopsPerRowPosition = 100};
  open(spec, 0, 2, 3);
  held.assign(3, {});
  prefillEach(); // 3, 8 and 13 positions
  ASSERT_EQ(nyala_session_profile_begin(session), NYALA_OK);
  step({0, 1, 2});
  step({1});
  struct Work {
    std::vector<std::string> entries;
    std::vector<double> flops;
  } work;
  const auto add = [](void *user, const nyala_step_profile *step) {
    auto &work = *static_cast<Work *>(user);
    if (step->step == 1) {
      work.entries.emplace_back(step->entry);
      work.flops.push_back(step->flops);
    }
  };
  ASSERT_EQ(nyala_session_profile_end(session, add, &work), NYALA_OK);
  EXPECT_THAT(work.entries, testing::ElementsAre("decode", "prefill"));
  EXPECT_THAT(work.flops, testing::ElementsAre(1 + 100 * 10, 3 + 100 * (4 + 9 + 14)));
}

TEST_F(SessionBatchTest, OptionsAndFacts) {
  open(makeToy(64, 8, 8, 16));
  nyala_model_info info;
  nyala_model_get_info(model, &info);
  EXPECT_EQ(info.sequences, 16u);
  EXPECT_EQ(info.max_batch, 8u);
  EXPECT_EQ(nyala_session_sequences(session), 1u);
  EXPECT_EQ(nyala_session_sequences(nullptr), 0u);
  EXPECT_EQ(nyala_session_select(nullptr, 0), NYALA_INVALID_ARGUMENT);
  nyala_session *other = nullptr;
  const nyala_session_options options = {0, 1, 17};
  EXPECT_EQ(nyala_session_create(model, &options, &other), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("sequences: expected 1 to 16"));
  EXPECT_THAT(nyala_last_error(), HasSubstr("--sequences=17"));
  EXPECT_EQ(other, nullptr);
  // One sequence where a state holds one, whatever others hold.
  ArtifactSpec spec = makeToy(64, 8, 8, 16);
  spec.states[1].sequences = 1;
  open(spec);
  nyala_model_get_info(model, &info);
  EXPECT_EQ(info.sequences, 1u);
}

} // namespace
