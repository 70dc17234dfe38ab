//===- SessionConcurrencyTest.cpp - Sessions on several threads -----------===//
//
// The tsan preset runs these under the thread sanitizer.
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/SessionFixture.h"

#include <array>
#include <atomic>
#include <initializer_list>
#include <string_view>
#include <thread>

using namespace nyala::test;

namespace {

/// What one conversation gives: each step's logits, all of them.
using Trace = std::vector<std::vector<float>>;

/// A prefill, decodes, a second turn, then three sequences in one step, in a session of its own
/// with two workers.
Trace converse(const nyala_model *model, int32_t seed) {
  nyala_session *session = nullptr;
  const nyala_session_options options = {0, 2, 3};
  EXPECT_EQ(nyala_session_create(model, &options, &session), NYALA_OK) << nyala_last_error();
  Trace trace;
  const auto record = [&](nyala_status status) {
    EXPECT_EQ(status, NYALA_OK) << nyala_last_error();
    const float *logits = nyala_session_logits(session);
    trace.emplace_back(logits, logits + toyVocabulary);
  };
  Tokens tokens = makeTokens(13);
  tokens[5] = seed;
  record(nyala_session_prefill(session, tokens.data(), tokens.size()));
  for (int i = 0; i < 12; ++i) {
    int32_t token = 0;
    EXPECT_EQ(nyala_session_sample(session, &token), NYALA_OK);
    record(nyala_session_decode(session, token));
  }
  tokens.resize(40, seed + 1);
  record(nyala_session_set_tokens(session, tokens.data(), tokens.size(), nullptr));
  const std::array<uint32_t, 3> ids = {2, 0, 1};
  std::array<int32_t, 3> fed = {seed, 4, 5};
  EXPECT_EQ(nyala_session_copy(session, 0, 1, 40), NYALA_OK);
  EXPECT_EQ(nyala_session_copy(session, 0, 2, 7), NYALA_OK);
  for (int i = 0; i < 6; ++i) {
    const nyala_status status =
        nyala_session_decode_batch(session, ids.size(), ids.data(), fed.data());
    for (size_t row = 0; row < ids.size(); ++row) {
      EXPECT_EQ(nyala_session_select(session, ids[row]), NYALA_OK);
      record(status);
      EXPECT_EQ(nyala_session_sample(session, &fed[row]), NYALA_OK);
    }
  }
  nyala_session_close(session);
  return trace;
}

/// Everything that only reads the model.
void readModel(const nyala_model *model) {
  std::array<int32_t, 16> ids;
  size_t count = 0;
  EXPECT_EQ(nyala_tokenize(model, "hello<|end|>", 12, true, ids.data(), ids.size(), &count),
            NYALA_OK);
  EXPECT_EQ(count, 6u);
  EXPECT_TRUE(nyala_model_is_stop(model, ids[5]));
  const nyala_message message = {"user", "hello"};
  size_t length = 0;
  EXPECT_EQ(nyala_chat_format(model, &message, 1, true, nullptr, 0, &length), NYALA_OK);
  EXPECT_EQ(nyala_tokenize(model, "\xFF", 1, true, ids.data(), ids.size(), &count),
            NYALA_INVALID_TEXT);
  EXPECT_NE(std::string_view(nyala_last_error()), "");
}

class SessionConcurrencyTest : public SessionTest {};

TEST_F(SessionConcurrencyTest, SameBitsAsAlone) {
  open(makeToy(64, 8, 8, 16));
  constexpr int sessions = 3, rounds = 8;
  std::vector<Trace> alone;
  alone.reserve(sessions);
  for (int i = 0; i < sessions; ++i)
    alone.push_back(converse(model, i));
  std::atomic<int> running = sessions;
  std::vector<std::thread> threads;
  threads.reserve(sessions + 1);
  for (int i = 0; i < sessions; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round)
        EXPECT_EQ(converse(model, i), alone[i]);
      --running;
    });
  // Meanwhile others read the model, open and close it, and open and close sessions.
  const std::string path = directory.path("toy.nyala");
  threads.emplace_back([&] {
    do {
      readModel(model);
      nyala_model *other = nullptr;
      ASSERT_EQ(nyala_model_open(path.c_str(), &other), NYALA_OK);
      nyala_session *own = nullptr;
      const nyala_session_options options = {0, 2, 1};
      for (const nyala_model *opened : std::initializer_list<const nyala_model *>{other, model}) {
        ASSERT_EQ(nyala_session_create(opened, &options, &own), NYALA_OK);
        nyala_session_close(own);
      }
      nyala_model_close(other);
    } while (running > 0);
  });
  for (std::thread &thread : threads)
    thread.join();
}

// Each cancel ends one call, whenever it comes, and the session goes on as if it had not been.
TEST_F(SessionConcurrencyTest, NoCancelIsLost) {
  open(makeToy());
  constexpr int cancels = 100;
  std::atomic<int> answered = 0;
  std::thread canceller([&] {
    for (int i = 0; i < cancels; ++i) {
      nyala_session_cancel(session);
      while (answered.load() == i)
        std::this_thread::yield();
    }
  });
  const Tokens all = makeTokens(40);
  while (answered < cancels) {
    ASSERT_EQ(nyala_session_rollback(session, 0), NYALA_OK);
    for (size_t done = 0; done < all.size();) {
      // Chunks, one token, and a whole sequence by turns.
      const size_t count = done % 3 == 0 ? 1 : std::min<size_t>(all.size() - done, 9);
      const nyala_status status =
          done == 30  ? nyala_session_set_tokens(session, all.data(), all.size(), nullptr)
          : count > 1 ? nyala_session_prefill(session, all.data() + done, count)
                      : nyala_session_decode(session, all[done]);
      if (status == NYALA_CANCELLED) {
        ASSERT_EQ(nyala_session_position(session), done);
        ++answered;
        continue;
      }
      ASSERT_EQ(status, NYALA_OK) << nyala_last_error();
      done = nyala_session_position(session);
      ASSERT_EQ(logits(), expectLogits(Tokens(all.begin(), all.begin() + done)));
    }
  }
  canceller.join();
  EXPECT_EQ(answered, cancels);
  EXPECT_EQ(nyala_session_set_tokens(session, all.data(), all.size(), nullptr), NYALA_OK);
}

} // namespace
