//===- RealGpuTest.cpp - The toy model on a GPU, if there is one ----------===//

#include "test/unit/runtime/SessionFixture.h"

#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>

using namespace nyala;
using namespace nyala::test;

namespace {

class RealGpuTest : public SessionTest {
protected:
  void SetUp() override {
    unsetenv("NYALA_CUDA_DRIVER");
    std::ifstream file(NYALA_TOY_PTX, std::ios::binary);
    if (!file)
      GTEST_SKIP() << "no ptx: the compiler is not clang";
    spec = makeToyOnGpu(std::string(std::istreambuf_iterator<char>(file), {}), "sm_80");
    const std::string path = directory.write("toy.nyala", buildArtifact(spec));
    const nyala_status status = nyala_model_open(path.c_str(), &model);
    if (status == NYALA_UNSUPPORTED)
      GTEST_SKIP() << nyala_last_error();
    ASSERT_EQ(status, NYALA_OK) << nyala_last_error();
    const nyala_session_options options = {.context = 0, .threads = 0, .sequences = 2};
    ASSERT_EQ(nyala_session_create(model, &options, &session), NYALA_OK) << nyala_last_error();
  }

  ArtifactSpec spec;
};

TEST_F(RealGpuTest, ComputesWhatACpuComputes) {
  Tokens all;
  for (int round = 0; round < 3; ++round)
    for (size_t count : {1, 2, 11, 1, 3}) {
      const Tokens more = makeTokens(count);
      ASSERT_EQ(prefill(more), NYALA_OK) << nyala_last_error();
      all.insert(all.end(), more.begin(), more.end());
      EXPECT_EQ(logits(), expectLogits(all)) << all.size();
    }
  // Another sequence goes on from here, and from where it was saved.
  ASSERT_EQ(nyala_session_copy(session, 0, 1, 40), NYALA_OK) << nyala_last_error();
  all.resize(40);
  ASSERT_EQ(nyala_session_select(session, 1), NYALA_OK);
  const std::string path = directory.path("saved");
  ASSERT_EQ(nyala_session_save(session, path.c_str()), NYALA_OK) << nyala_last_error();
  ASSERT_EQ(nyala_session_select(session, 0), NYALA_OK);
  ASSERT_EQ(nyala_session_restore(session, path.c_str()), NYALA_OK) << nyala_last_error();
  const uint32_t ids[] = {0, 1};
  const int32_t next[] = {9, 9};
  all.push_back(9);
  ASSERT_EQ(nyala_session_decode_batch(session, 2, ids, next), NYALA_OK) << nyala_last_error();
  for (uint32_t id : ids) {
    ASSERT_EQ(nyala_session_select(session, id), NYALA_OK);
    EXPECT_EQ(logits(), expectLogits(all));
  }
}

TEST_F(RealGpuTest, ProfilesSteps) {
  ASSERT_EQ(nyala_session_decode(session, 1), NYALA_OK) << nyala_last_error();
  ASSERT_EQ(nyala_session_profile_begin(session), NYALA_OK);
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(nyala_session_decode(session, 1), NYALA_OK) << nyala_last_error();
  double seconds = 0;
  const auto add = [](void *user, const nyala_step_profile *step) {
    EXPECT_EQ(step->calls, 3u);
    EXPECT_GT(step->seconds, 0);
    *static_cast<double *>(user) += step->seconds;
  };
  ASSERT_EQ(nyala_session_profile_end(session, add, &seconds), NYALA_OK);
  EXPECT_LT(seconds, 0.1);
  EXPECT_EQ(logits(), expectLogits(Tokens(4, 1)));
}

} // namespace
