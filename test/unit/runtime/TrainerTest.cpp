//===- TrainerTest.cpp - Training steps through the C API -----------------===//

#include "runtime/nyala.h"
#include "test/unit/runtime/AllocationCounter.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

using namespace nyala::test;
using nyala::artifact::ArgumentRole;
using testing::HasSubstr;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

class TrainerTest : public testing::Test {
protected:
  nyala_status create(const ArtifactSpec &spec, uint32_t threads = 2) {
    close();
    const std::string path = directory.write("step.nyala", buildArtifact(spec));
    EXPECT_EQ(nyala_model_open(path.c_str(), &model), NYALA_OK) << nyala_last_error();
    const nyala_trainer_options options = {threads};
    return nyala_trainer_create(model, &options, &trainer);
  }
  void open(const ArtifactSpec &spec) {
    ASSERT_EQ(create(spec), NYALA_OK) << nyala_last_error();
    w = find("w");
    w.values[0] = 2;
  }
  void close() {
    nyala_trainer_close(trainer);
    nyala_model_close(model);
    trainer = nullptr;
    model = nullptr;
  }
  ~TrainerTest() override { close(); }

  nyala_trainer_state find(const char *name) {
    nyala_trainer_state state = {};
    EXPECT_EQ(nyala_trainer_find_state(trainer, name, &state), NYALA_OK) << nyala_last_error();
    return state;
  }
  std::vector<float> getW() const { return {w.values, w.values + size_t{toyRows} * toyColumns}; }
  nyala_training_batch getBatch() const {
    return {tokens.data(), targets.data(), weights.data(), tokens.size()};
  }
  nyala_status step(float rate = 0.5f) {
    const nyala_training_batch batch = getBatch();
    return nyala_trainer_step(trainer, &batch, rate, &loss, &norm);
  }
  nyala_status evaluate() {
    const nyala_training_batch batch = getBatch();
    return nyala_trainer_evaluate(trainer, &batch, &loss);
  }
  void expectRefused(nyala_status status, nyala_status expected, const char *message) {
    EXPECT_EQ(status, expected);
    EXPECT_THAT(nyala_last_error(), HasSubstr(message));
    EXPECT_EQ(w.values[0], 2);
  }

  TemporaryDirectory directory;
  nyala_model *model = nullptr;
  nyala_trainer *trainer = nullptr;
  nyala_trainer_state w = {};
  float loss = -1, norm = -1;
  // Sum of weight * (target + position - token): 1 * (1 + 0) + 2 * (1 + 2) = 7.
  std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6}, targets = {2, 3, 4, 5, 6, 7};
  std::vector<float> weights = {1, 0, 0, 0, 0, 2};
};

TEST_F(TrainerTest, Info) {
  open(makeToyTraining());
  nyala_trainer_info info;
  nyala_trainer_get_info(trainer, &info);
  EXPECT_EQ(info.batch, 2u);
  EXPECT_EQ(info.length, 3u);
  EXPECT_EQ(info.states, 2u);
  EXPECT_FALSE(info.accumulates);
  EXPECT_TRUE(info.evaluates);
  // States, arena, results of both entries, four arguments of 6 rows and the rate, a page a worker.
  EXPECT_EQ(info.peak_bytes, 36u + 64 + 2 * 8 + 4 * 24 + 4 + 2 * 4096);
  nyala_trainer_state state;
  ASSERT_EQ(nyala_trainer_get_state(trainer, 0, &state), NYALA_OK);
  EXPECT_STREQ(state.name, "w");
  EXPECT_EQ(state.rows, unsigned{toyRows});
  EXPECT_EQ(state.columns, unsigned{toyColumns});
  EXPECT_EQ(state.values, w.values);
  EXPECT_EQ(find("sum").values[0], 0);
  EXPECT_EQ(nyala_trainer_get_state(trainer, 2, &state), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("state 2, expected one below 2"));
  EXPECT_EQ(nyala_trainer_find_state(trainer, "v", &state), NYALA_NOT_FOUND);
  EXPECT_THAT(nyala_last_error(), HasSubstr("no state 'v'"));
}

TEST_F(TrainerTest, Steps) {
  open(makeToyTraining());
  EXPECT_EQ(evaluate(), NYALA_OK);
  EXPECT_EQ(loss, 14);
  EXPECT_EQ(w.values[0], 2);
  EXPECT_EQ(step(), NYALA_OK);
  EXPECT_EQ(loss, 14);
  EXPECT_EQ(norm, 28);
  EXPECT_EQ(getW(), (std::vector<float>{16, 14, 14, 14, 14, 14, 14, 14}));
  EXPECT_EQ(step(0), NYALA_OK);
  EXPECT_EQ(loss, 112);
  float unused;
  const nyala_training_batch batch = getBatch();
  EXPECT_EQ(nyala_trainer_accumulate(trainer, &batch, &unused), NYALA_UNSUPPORTED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("has no entry 'accumulate'"));
}

TEST_F(TrainerTest, Accumulates) {
  open(makeToyTraining(/*accumulates=*/true));
  const nyala_training_batch batch = getBatch();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(nyala_trainer_accumulate(trainer, &batch, &loss), NYALA_OK);
    EXPECT_EQ(loss, 14);
  }
  EXPECT_EQ(nyala_trainer_update(trainer, 0.25f, &norm), NYALA_OK);
  EXPECT_EQ(norm, 28);
  EXPECT_EQ(w.values[0], 9);
  EXPECT_EQ(find("sum").values[0], 0);
  nyala_trainer_info info;
  nyala_trainer_get_info(trainer, &info);
  EXPECT_TRUE(info.accumulates);
  EXPECT_FALSE(info.evaluates);
  EXPECT_EQ(step(), NYALA_UNSUPPORTED);
  EXPECT_EQ(evaluate(), NYALA_UNSUPPORTED);
}

TEST_F(TrainerTest, BadBatches) {
  open(makeToyTraining());
  targets[4] = toyVocabulary;
  expectRefused(step(), NYALA_INVALID_ARGUMENT, "target 4 is 300, expected an id from 0 to 299");
  targets[4] = 0;
  tokens[2] = -1;
  expectRefused(step(), NYALA_INVALID_ARGUMENT, "token 2 is -1, expected an id from 0 to 299");
  tokens.pop_back();
  expectRefused(step(), NYALA_INVALID_ARGUMENT, "5 tokens, expected 2 sequences of 3: 6");
  tokens = targets;
  expectRefused(step(NAN), NYALA_INVALID_ARGUMENT, "the learning rate is nan");
  nyala_training_batch batch = getBatch();
  batch.targets = nullptr;
  expectRefused(nyala_trainer_step(trainer, &batch, 1, &loss, &norm), NYALA_INVALID_ARGUMENT,
                "batch.targets is null");
  expectRefused(nyala_trainer_step(trainer, nullptr, 1, &loss, &norm), NYALA_INVALID_ARGUMENT,
                "batch is null");
  EXPECT_EQ(loss, -1);
}

TEST_F(TrainerTest, OtherModels) {
  EXPECT_EQ(create(makeToy()), NYALA_UNSUPPORTED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("holds no training step"));
  EXPECT_EQ(create(makeToyTraining(), 257), NYALA_INVALID_ARGUMENT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("threads"));
  nyala_session *session;
  EXPECT_EQ(nyala_session_create(model, nullptr, &session), NYALA_UNSUPPORTED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("holds a training step and cannot evaluate tokens"));
}

TEST_F(TrainerTest, MalformedSteps) {
  const auto expect = [&](const char *message, const std::function<void(ArtifactSpec &)> &change,
                          bool accumulates = false) {
    ArtifactSpec spec = makeToyTraining(accumulates);
    change(spec);
    EXPECT_EQ(create(spec), NYALA_CORRUPT);
    EXPECT_THAT(nyala_last_error(), HasSubstr(message));
  };
  using Spec = ArtifactSpec;
  expect("lack 'batch' or 'length'", [](Spec &s) { s.metadata.pop_back(); });
  expect("'Tokens' of 6 rows, expected 8", [](Spec &s) { s.metadata[1].second = "4"; });
  expect("'Rate' of 6 rows, expected 1", [](Spec &s) { s.entries[0].arguments[4].second = 0; });
  expect("'evaluate' has no result 'loss'", [](Spec &s) { s.entries[1].results[0].name = "x"; });
  expect("'evaluate' has no tokens",
         [](Spec &s) { s.entries[1].arguments[0].first = ArgumentRole::Targets; });
  expect("state 'w' is no matrix of f32", [](Spec &s) { s.states[0].slotBytes = 17; });
  expect(
      "'update' has an argument 'Tokens'",
      [](Spec &s) { s.entries[1].arguments[0].first = ArgumentRole::Tokens; }, true);
}

TEST_F(TrainerTest, Cancel) {
  open(makeToyTraining());
  nyala_trainer_cancel(trainer);
  nyala_trainer_cancel(trainer);
  expectRefused(step(), NYALA_CANCELLED, "cancelled");
  EXPECT_EQ(evaluate(), NYALA_OK);
  nyala_trainer_cancel(trainer);
  nyala_trainer_clear_cancel(trainer);
  EXPECT_EQ(step(), NYALA_OK);
}

TEST_F(TrainerTest, NotFinite) {
  open(makeToyTraining());
  bool found = true;
  nyala_non_finite where;
  const auto search = [&] {
    EXPECT_EQ(nyala_trainer_find_non_finite(trainer, &found, &where), NYALA_OK);
  };
  search();
  EXPECT_FALSE(found);
  EXPECT_EQ(step(), NYALA_OK);
  search();
  EXPECT_FALSE(found);
  // From an argument: all states stay as they were.
  const std::vector<float> before = getW();
  weights[1] = inf;
  EXPECT_EQ(step(), NYALA_OK);
  EXPECT_TRUE(std::isinf(loss));
  search();
  EXPECT_TRUE(found);
  EXPECT_EQ(where.state, nullptr);
  EXPECT_STREQ(where.label, "head");
  EXPECT_STREQ(where.kernel, "loss");
  EXPECT_EQ(getW(), before);
  // From a state that the first such step reads.
  w.values[0] = NAN;
  EXPECT_EQ(step(), NYALA_OK);
  search();
  EXPECT_STREQ(where.state, "w");
  EXPECT_STREQ(where.kernel, "loss");
  // In a state that has no influence.
  weights[1] = 0;
  w.values[0] = 2;
  w.values[7] = inf;
  EXPECT_EQ(step(), NYALA_OK);
  search();
  EXPECT_STREQ(where.state, "w");
  EXPECT_EQ(where.kernel, nullptr);
}

TEST_F(TrainerTest, StepsDoNotAllocate) {
  if (!canCountAllocations())
    GTEST_SKIP() << "the sanitizer has an allocator of its own";
  open(makeToyTraining());
  ASSERT_EQ(step(), NYALA_OK);
  const size_t before = countAllocations();
  for (int i = 0; i < 20; ++i) {
    step(0);
    evaluate();
  }
  EXPECT_EQ(countAllocations(), before);
  EXPECT_GT(before, 0u);
}

} // namespace
