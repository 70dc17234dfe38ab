//===- SessionFixture.h - Tests on sessions of the toy model ----*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_RUNTIME_SESSIONFIXTURE_H
#define NYALA_TEST_UNIT_RUNTIME_SESSIONFIXTURE_H

#include "runtime/nyala.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"

#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace nyala::test {

using Tokens = std::vector<int32_t>;

inline Tokens makeTokens(size_t count) {
  Tokens tokens;
  for (size_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<int32_t>((i * 7 + 3) % toyVocabulary));
  return tokens;
}

/// What ToyKernels.h says, for all but the last token of the vocabulary.
inline std::vector<float> expectLogits(const Tokens &tokens) {
  int hash = 0;
  for (int32_t token : tokens)
    hash = (hash * 31 + token) % 65521;
  std::vector<float> logits;
  for (size_t i = 0; i + 1 < toyVocabulary; ++i)
    logits.push_back(static_cast<float>((hash * 7 + toyWeight(i)) % 1009));
  return logits;
}

inline std::vector<float> take(const float *logits) {
  return logits ? std::vector<float>(logits, logits + toyVocabulary - 1) : std::vector<float>();
}

class SessionTest : public testing::Test {
protected:
  void open(const ArtifactSpec &spec, uint32_t context = 0, uint32_t threads = 2,
            uint32_t sequences = 1) {
    close();
    const std::string path = directory.write("toy.nyala", buildArtifact(spec));
    ASSERT_EQ(nyala_model_open(path.c_str(), &model), NYALA_OK) << nyala_last_error();
    const nyala_session_options options = {context, threads, sequences};
    ASSERT_EQ(nyala_session_create(model, &options, &session), NYALA_OK) << nyala_last_error();
  }
  void close() {
    nyala_session_close(session);
    nyala_model_close(model);
    session = nullptr;
    model = nullptr;
  }
  ~SessionTest() override { close(); }

  nyala_status prefill(const Tokens &tokens) {
    return nyala_session_prefill(session, tokens.data(), tokens.size());
  }
  /// Appends to the session, and to `all`, by calls of several lengths, and checks the logits. Each
  /// entry runs several times: on a GPU launched step by step, captured, and from the graph.
  void appendInRounds(Tokens &all) {
    for (int round = 0; round < 3; ++round)
      for (size_t count : {1, 2, 11, 1, 3}) {
        const Tokens more = makeTokens(count);
        ASSERT_EQ(prefill(more), NYALA_OK) << nyala_last_error();
        all.insert(all.end(), more.begin(), more.end());
        EXPECT_EQ(logits(), expectLogits(all)) << all.size();
      }
  }
  Tokens tokens() const {
    size_t count = 0;
    const int32_t *ids = nyala_session_tokens(session, &count);
    return Tokens(ids, ids + count);
  }
  std::vector<float> logits() const { return take(nyala_session_logits(session)); }
  float countLastKernel() const { return nyala_session_logits(session)[toyVocabulary - 1]; }

  /// How often each position that the session holds was computed (ToyKernels.h), from a saved
  /// session: header, tokens, logits, then the toy's history.
  std::vector<int32_t> countEvaluations() {
    const std::string path = directory.path("counts");
    EXPECT_EQ(nyala_session_save(session, path.c_str()), NYALA_OK) << nyala_last_error();
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    std::vector<int32_t> counts(nyala_session_position(session));
    size_t offset = 64 + counts.size() * sizeof(int32_t) + toyVocabulary * sizeof(float);
    for (int32_t &count : counts) {
      std::memcpy(&count, bytes.data() + offset + sizeof(int32_t), sizeof(count));
      offset += toySlotBytes;
    }
    return counts;
  }

  TemporaryDirectory directory;
  nyala_model *model = nullptr;
  nyala_session *session = nullptr;
};

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_RUNTIME_SESSIONFIXTURE_H
