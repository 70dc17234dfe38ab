//===- RealGpuTest.cpp - The toy model on a GPU, if there is one ----------===//

#include "runtime/core/Status.h"
#include "runtime/devices/cuda/CublasLt.h"
#include "runtime/devices/cuda/CudaContext.h"
#include "test/unit/runtime/SessionFixture.h"

#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>

using namespace nyala;
using namespace nyala::test;
using namespace nyala::rt::cuda;

namespace {

class RealGpuTest : public SessionTest {
protected:
  void SetUp() override {
    unsetenv("NYALA_CUDA_DRIVER");
    unsetenv("NYALA_CUDA_DEBUG");
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
  ASSERT_NO_FATAL_FAILURE(appendInRounds(all));
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

/// bf16 of a small integer.
uint16_t toHalf(int value) {
  const auto number = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &number, sizeof(bits));
  return static_cast<uint16_t>(bits >> 16);
}

TEST(RealCublasLtTest, MultipliesWhileAStreamIsCaptured) {
  unsetenv("NYALA_CUDA_DRIVER");
  unsetenv("NYALA_CUBLASLT");
  std::unique_ptr<CudaContext> context;
  try {
    context = std::make_unique<CudaContext>(0);
  } catch (const rt::Failure &failure) {
    GTEST_SKIP() << failure.what();
  }
  const CudaDriver &driver = context->getDriver();
  constexpr uint32_t rows = 128, columns = 320, depth = 64;
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(artifact::CreateMatmulCall(builder, columns, depth, 0, 1, 2, 3));
  const auto &call = *flatbuffers::GetRoot<artifact::MatmulCall>(builder.GetBufferPointer());
  const CudaStream stream(*context);
  CublasLt library;
  if (!library.prepare(call, rows))
    GTEST_SKIP() << "no cublaslt";

  // Small integers: sums are exact in any order.
  std::vector<uint16_t> activations, weight;
  std::vector<float> residual, expected(rows * columns), result(rows * columns);
  for (uint32_t i = 0; i < rows * depth; ++i)
    activations.push_back(toHalf(static_cast<int>(i * 7 % 5) - 2));
  for (uint32_t i = 0; i < columns * depth; ++i)
    weight.push_back(toHalf(static_cast<int>(i * 11 % 7) - 3));
  for (uint32_t i = 0; i < rows * columns; ++i) {
    int sum = static_cast<int>(i % 13);
    residual.push_back(static_cast<float>(sum));
    for (uint32_t k = 0; k < depth; ++k)
      sum += (static_cast<int>((i / columns * depth + k) * 7 % 5) - 2) *
             (static_cast<int>((i % columns * depth + k) * 11 % 7) - 3);
    expected[i] = static_cast<float>(sum);
  }
  const auto place = [&](const void *values, size_t bytes) {
    DeviceMemory memory(*context, bytes, "a test");
    EXPECT_EQ(driver.copyToDevice(memory.get(), values, bytes, stream.get()), Success);
    return memory;
  };
  const DeviceMemory a = place(activations.data(), activations.size() * 2),
                     b = place(weight.data(), weight.size() * 2),
                     c = place(residual.data(), residual.size() * 4),
                     d = place(result.data(), result.size() * 4);
  const DeviceMemory workspace(*context, CublasLt::workspaceBytes, "a test");
  const Address buffers[] = {a.get(), b.get(), c.get(), d.get()};
  const auto check = [&] {
    ASSERT_EQ(driver.copyToHost(result.data(), d.get(), result.size() * 4, stream.get()), Success);
    ASSERT_EQ(stream.wait(), Success);
    EXPECT_EQ(result, expected);
  };
  library.multiply(call, buffers, rows, workspace.get(), stream.get());
  check();
  ASSERT_EQ(driver.fill(d.get(), 0, d.size(), stream.get()), Success);
  ASSERT_EQ(stream.wait(), Success);
  Graph graph = nullptr;
  GraphExec exec = nullptr;
  ASSERT_EQ(driver.streamBeginCapture(stream.get(), threadLocalCapture), Success);
  library.multiply(call, buffers, rows, workspace.get(), stream.get());
  ASSERT_EQ(driver.streamEndCapture(stream.get(), &graph), Success);
  ASSERT_EQ(driver.graphInstantiate(&exec, graph, 0), Success);
  ASSERT_EQ(driver.graphLaunch(exec, stream.get()), Success);
  check();
  driver.graphExecDestroy(exec);
  driver.graphDestroy(graph);
}

} // namespace
