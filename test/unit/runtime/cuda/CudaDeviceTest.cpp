//===- CudaDeviceTest.cpp - Models on a GPU, as the driver sees them ------===//

#include "test/unit/runtime/cuda/CudaFixture.h"

#include <gmock/gmock.h>

using namespace nyala;
using namespace nyala::test;
using testing::ElementsAre;
using testing::Pair;

namespace {

TEST_F(CudaTest, ComputesWhatACpuComputes) {
  open(makeToyOnGpu());
  nyala_model_info info;
  nyala_model_get_info(model, &info);
  EXPECT_STREQ(info.device, "cuda:0");
  EXPECT_STREQ(info.product, "Fake One");
  EXPECT_STREQ(info.cpu, "sm_90a");
  EXPECT_EQ(info.max_prefill, 8u);
  EXPECT_EQ(info.kv_bytes_per_token, toySlotBytes + 4u);
  Tokens all;
  ASSERT_NO_FATAL_FAILURE(appendInRounds(all));
  EXPECT_EQ(tokens(), all);
  EXPECT_GT(fake.graphLaunches, 0);
}

TEST_F(CudaTest, RunsOfAsManyRowsShareAGraph) {
  open(makeToyOnGpu());
  const auto launch = [&](size_t count) {
    fake.launches.clear();
    ASSERT_EQ(prefill(makeTokens(count)), NYALA_OK) << nyala_last_error();
  };
  // What overlaps begins early behind a kernel: not behind the copy of arguments.
  launch(1);
  EXPECT_THAT(fake.launches, ElementsAre("append 1x1x1 of 32", "hash 2x1x1 of 64, early",
                                         "pick 1x1x1 of 32", "logits 300x1x1 of 128, early"));
  EXPECT_EQ(fake.captures, 0);
  // All that overlaps is asked to leave what hash needs, 4 KiB and one that blocks take anyway, of
  // 100 KiB.
  EXPECT_THAT(fake.sharedPercents,
              ElementsAre(Pair("append", 5), Pair("hash", 5), Pair("logits", 5)));
  launch(5); // up to 8 rows: two row blocks of append, eight of hash
  EXPECT_THAT(fake.launches, ElementsAre("append 1x2x1 of 32", "hash 2x8x1 of 64, early",
                                         "pick 1x1x1 of 32", "logits 300x1x1 of 128, early"));
  EXPECT_EQ(fake.captures, 0);
  launch(7); // the second time: captured
  EXPECT_EQ(fake.launches.size(), 4u);
  EXPECT_EQ(fake.captures, 1);
  launch(8); // from the graph
  EXPECT_THAT(fake.launches, ElementsAre());
  EXPECT_EQ(fake.captures, 1);
  EXPECT_EQ(fake.graphLaunches, 2);
  launch(10); // a chunk of which no logits are wanted, and the rest
  EXPECT_THAT(fake.launches, ElementsAre("append 1x2x1 of 32", "hash 2x8x1 of 64, early",
                                         "append 1x1x1 of 32", "hash 2x2x1 of 64, early",
                                         "pick 1x1x1 of 32", "logits 300x1x1 of 128, early"));
}

TEST_F(CudaTest, SequencesAreCopiedSavedAndRestored) {
  open(makeToyOnGpu(), 0, 0, 2);
  const Tokens prompt = makeTokens(6);
  ASSERT_EQ(prefill(prompt), NYALA_OK);
  ASSERT_EQ(nyala_session_copy(session, 0, 1, 4), NYALA_OK) << nyala_last_error();
  const uint32_t ids[] = {0, 1};
  const int32_t next[] = {9, 17};
  ASSERT_EQ(nyala_session_decode_batch(session, 2, ids, next), NYALA_OK) << nyala_last_error();
  Tokens first = prompt, second(prompt.begin(), prompt.begin() + 4);
  first.push_back(9);
  second.push_back(17);
  EXPECT_EQ(logits(), expectLogits(first));
  ASSERT_EQ(nyala_session_select(session, 1), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(second));
  const std::string path = directory.path("saved");
  ASSERT_EQ(nyala_session_save(session, path.c_str()), NYALA_OK) << nyala_last_error();
  ASSERT_EQ(nyala_session_select(session, 0), NYALA_OK);
  ASSERT_EQ(nyala_session_restore(session, path.c_str()), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(tokens(), second);
  second.push_back(3);
  ASSERT_EQ(nyala_session_decode(session, 3), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(second));
}

TEST_F(CudaTest, LogitsOfAllRows) {
  open(makeToyOnGpu());
  const Tokens prompt = makeTokens(11);
  std::vector<std::vector<float>> rows;
  const auto add = [](void *user, size_t, const float *row) {
    static_cast<std::vector<std::vector<float>> *>(user)->push_back(take(row));
  };
  ASSERT_EQ(nyala_session_prefill_all(session, prompt.data(), prompt.size(), add, &rows), NYALA_OK)
      << nyala_last_error();
  ASSERT_EQ(rows.size(), prompt.size());
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(rows[i], expectLogits({prompt.begin(), prompt.begin() + static_cast<long>(i) + 1}));
}

/// The toy model, whose entries select the largest logits as well.
ArtifactSpec makeToyWithCandidates() {
  ArtifactSpec spec = makeToyOnGpu();
  auto &kernels = spec.executables[0].kernels;
  kernels.push_back(kernels[2]);
  kernels.back().name = "top";
  const auto result = [](uint32_t i) { return artifact::Buffer(artifact::Region::Result, i, 0); };
  for (size_t i : {0, 1, 2}) {
    ArtifactSpec::Entry &entry = spec.entries[i];
    for (const char *name : {"top_logits", "top_ids"})
      entry.results.push_back({name, 1, toyCandidates * 4});
    entry.steps.push_back({6, {result(0), result(1), result(2)}, 1, {3}});
  }
  return spec;
}

TEST_F(CudaTest, SamplesAmongCandidatesWithoutCopies) {
  const auto generate = [&](const ArtifactSpec &spec, const nyala_sampler_options &sampler,
                            uint64_t expectedBytes) {
    open(spec, 0, 0, 2);
    fake.copiedToHost = 0;
    for (uint32_t i : {1, 0}) {
      EXPECT_EQ(nyala_session_select(session, i), NYALA_OK);
      EXPECT_EQ(nyala_session_set_sampler(session, &sampler), NYALA_OK) << nyala_last_error();
    }
    std::vector<int32_t> picked;
    const auto sample = [&] {
      int32_t token = -1;
      EXPECT_EQ(nyala_session_sample(session, &token), NYALA_OK) << nyala_last_error();
      picked.push_back(token);
      return token;
    };
    EXPECT_EQ(prefill(makeTokens(5)), NYALA_OK);
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(nyala_session_decode(session, sample()), NYALA_OK);
    EXPECT_EQ(nyala_session_copy(session, 0, 1, 7), NYALA_OK);
    // The second row of a step, then the first.
    const uint32_t ids[] = {0, 1};
    for (int i = 0; i < 3; ++i) {
      const int32_t next[] = {i, 30 + i};
      EXPECT_EQ(nyala_session_decode_batch(session, 2, ids, next), NYALA_OK);
      for (uint32_t id : {1, 0}) {
        EXPECT_EQ(nyala_session_select(session, id), NYALA_OK);
        sample();
        sample();
      }
    }
    EXPECT_EQ(fake.copiedToHost, expectedBytes);
    return picked;
  };
  constexpr uint64_t row = toyVocabulary * sizeof(float), all = (5 + 6) * row;
  const auto check = [&](const nyala_sampler_options &sampler, bool needsAll) {
    EXPECT_EQ(generate(makeToyWithCandidates(), sampler, needsAll ? all : 0),
              generate(makeToyOnGpu(), sampler, all));
  };
  check({.temperature = 0, .top_k = 0, .top_p = 1, .seed = 0}, false);
  check({.temperature = 50, .top_k = 8, .top_p = 1, .seed = 3}, false);
  check({.temperature = 50, .top_k = 5, .top_p = 0.6f, .seed = 4}, false);
  check({.temperature = 50, .top_k = 9, .top_p = 1, .seed = 5}, true);
  check({.temperature = 50, .top_k = 0, .top_p = 1, .seed = 6}, true);
}

TEST_F(CudaTest, CandidatesThatAConstraintForbidsAreNotPicked) {
  const std::string_view json = R"({"a": 1, "b": 2, "c": [3]})";
  nyala_data *data = nullptr;
  ASSERT_EQ(nyala_data_parse(json.data(), json.size(), &data), NYALA_OK);
  const auto generate = [&](const ArtifactSpec &spec, uint32_t topK) {
    open(spec);
    nyala_constraint *constraint = nullptr;
    EXPECT_EQ(nyala_constraint_create_references(model, data, &constraint), NYALA_OK);
    const nyala_sampler_options options = {topK ? 200.0f : 0.0f, topK, 1, 8};
    EXPECT_EQ(nyala_session_set_sampler(session, &options), NYALA_OK);
    EXPECT_EQ(prefill(makeTokens(5)), NYALA_OK);
    EXPECT_EQ(nyala_session_set_constraint(session, constraint, 40), NYALA_OK);
    fake.copiedToHost = 0;
    Tokens picked;
    for (const char forced : std::string_view("xy{{           ")) {
      int32_t token = -1;
      EXPECT_EQ(nyala_session_sample(session, &token), NYALA_OK) << nyala_last_error();
      picked.push_back(token);
      // Blanks stand for what was picked.
      if (forced != ' ')
        token = forced;
      if (nyala_session_decode(session, token) != NYALA_OK)
        break; // it was the end
    }
    EXPECT_EQ(nyala_session_set_constraint(session, nullptr, 0), NYALA_OK);
    nyala_constraint_close(constraint);
    return picked;
  };
  for (uint32_t topK : {0, 3}) {
    const Tokens picked = generate(makeToyWithCandidates(), topK);
    // In text the largest are allowed; in the reference none of them may be.
    EXPECT_GT(fake.copiedToHost, 0u);
    EXPECT_LT(fake.copiedToHost, picked.size() * toyVocabulary * sizeof(float));
    EXPECT_EQ(picked, generate(makeToyOnGpu(), topK));
    EXPECT_EQ(picked[4], ' ');
  }
  nyala_data_close(data);
}

TEST_F(CudaTest, CopiesLogitsOnceAndWhenAskedFor) {
  open(makeToyWithCandidates());
  ASSERT_EQ(prefill(makeTokens(6)), NYALA_OK);
  EXPECT_EQ(fake.copiedToHost, 0u);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(logits(), expectLogits(makeTokens(6)));
  EXPECT_EQ(fake.copiedToHost, toyVocabulary * sizeof(float));
  // A saved session has logits, of which no candidates have been selected.
  const std::string path = directory.path("saved");
  ASSERT_EQ(nyala_session_save(session, path.c_str()), NYALA_OK) << nyala_last_error();
  int32_t before = -1, after = -1;
  ASSERT_EQ(nyala_session_sample(session, &before), NYALA_OK);
  ASSERT_EQ(nyala_session_restore(session, path.c_str()), NYALA_OK) << nyala_last_error();
  ASSERT_EQ(nyala_session_sample(session, &after), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(before, after);
  EXPECT_EQ(logits(), expectLogits(makeTokens(6)));
  // A failure is no crash.
  ASSERT_EQ(nyala_session_decode(session, 3), NYALA_OK);
  fake.failed = true;
  EXPECT_EQ(nyala_session_logits(session), nullptr);
  EXPECT_THAT(nyala_last_error(), testing::HasSubstr("illegal memory access"));
  EXPECT_EQ(nyala_session_sample(session, &after), NYALA_OK);
}

TEST_F(CudaTest, ProfilesSteps) {
  open(makeToyOnGpu());
  // The first run of an entry is timed from outside, later ones by events.
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(nyala_session_profile_begin(session), NYALA_OK);
    for (int i = 0; i < 3; ++i)
      ASSERT_EQ(nyala_session_decode(session, 1), NYALA_OK) << nyala_last_error();
    std::vector<std::pair<uint64_t, double>> steps;
    const auto add = [](void *user, const nyala_step_profile *step) {
      static_cast<std::vector<std::pair<uint64_t, double>> *>(user)->emplace_back(step->calls,
                                                                                  step->seconds);
    };
    ASSERT_EQ(nyala_session_profile_end(session, add, &steps), NYALA_OK);
    ASSERT_EQ(steps.size(), 4u);
    for (const auto &[calls, seconds] : steps) {
      EXPECT_EQ(calls, 3u);
      EXPECT_GT(seconds, round == 0 ? 0.001 : 0.0014);
    }
  }
  EXPECT_EQ(logits(), expectLogits(Tokens(6, 1)));
}

TEST_F(CudaTest, Cancels) {
  open(makeToyOnGpu());
  nyala_session_cancel(session);
  EXPECT_EQ(prefill(makeTokens(3)), NYALA_CANCELLED);
  EXPECT_EQ(prefill(makeTokens(3)), NYALA_OK);
}

TEST_F(CudaTest, UploadsInPieces) {
  ArtifactSpec spec = makeToyOnGpu();
  // Behind the weight that 'init' reads, which is longer than both buffers.
  constexpr uint64_t bytes = (17 << 20) + 64;
  spec.weightBytes.resize(bytes + spec.weights[0].size);
  std::rotate(spec.weightBytes.begin(), spec.weightBytes.begin() + spec.weights[0].size,
              spec.weightBytes.end());
  spec.weights = {{"weight", bytes, spec.weights[0].size}, {"long", 0, bytes}};
  spec.entries[3].steps.push_back({4, spec.entries[3].steps[0].buffers, 0, {}});
  spec.entries[3].steps[0].buffers[0] = artifact::Buffer(artifact::Region::Weight, 1, 0);
  const std::string path = directory.write("toy.nyala", buildArtifact(spec));
  std::vector<uint64_t> done;
  nyala_model_options options = {};
  options.user = &done;
  options.progress = [](void *user, uint64_t bytes, uint64_t total) {
    EXPECT_LE(bytes, total);
    static_cast<std::vector<uint64_t> *>(user)->push_back(bytes);
  };
  ASSERT_EQ(nyala_model_open_on(path.c_str(), &options, &model), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(done.size(), 4u); // 8 + 8 + 1 MiB, and the other
  EXPECT_TRUE(std::ranges::is_sorted(done));
  // What only 'init' reads is gone, what it wrote is there.
  EXPECT_LT(fake.getUsed(), 1u << 20);
  ASSERT_EQ(nyala_session_create(model, nullptr, &session), NYALA_OK);
  ASSERT_EQ(prefill(makeTokens(3)), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(makeTokens(3)));
}

TEST_F(CudaTest, RandomWeights) {
  ArtifactSpec spec = makeToyOnGpu();
  spec.weightsAbsent = true;
  spec.weightOffset = 0;
  openModel(spec, NYALA_UNSUPPORTED);
  EXPECT_THAT(nyala_last_error(), testing::HasSubstr("--random-weights"));
  openModel(spec, NYALA_OK, nullptr, true);
  ASSERT_EQ(nyala_session_create(model, nullptr, &session), NYALA_OK);
  ASSERT_EQ(prefill(makeTokens(3)), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(makeTokens(3)));
  openModel(makeToyOnGpu(), NYALA_INVALID_ARGUMENT, nullptr, true);
  EXPECT_THAT(nyala_last_error(), testing::HasSubstr("has weights"));
}

TEST_F(CudaTest, ShortContextsTakeLessMemory) {
  ArtifactSpec spec = makeToyOnGpu();
  spec.context = 1 << 16;
  for (size_t i : {0, 1})
    spec.states[i].slots = spec.context;
  openModel(spec, NYALA_OK);
  const uint64_t model = fake.getUsed();
  nyala_session_options options = {.context = 300, .threads = 0, .sequences = 1};
  ASSERT_EQ(nyala_session_create(this->model, &options, &session), NYALA_OK);
  EXPECT_LT(fake.getUsed() - model, 512u * toySlotBytes + (1 << 18));
}

} // namespace
