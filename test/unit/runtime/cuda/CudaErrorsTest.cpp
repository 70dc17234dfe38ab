//===- CudaErrorsTest.cpp - GPUs that are not there, or fail --------------===//

#include "test/unit/runtime/cuda/CudaFixture.h"

#include <gmock/gmock.h>

using namespace nyala;
using namespace nyala::test;
using testing::AllOf;
using testing::HasSubstr;

namespace {

class CudaErrorsTest : public CudaTest {
protected:
  /// Opening fails with a message like this.
  void expect(const testing::Matcher<const char *> &message, const char *device = nullptr,
              nyala_status status = NYALA_UNSUPPORTED) {
    openModel(makeToyOnGpu(), status, device);
    EXPECT_THAT(nyala_last_error(), message);
  }
};

TEST_F(CudaErrorsTest, SaysWhatIsMissing) {
  setenv("NYALA_CUDA_DRIVER", "libno-such-driver.so.1", 1);
  expect(AllOf(HasSubstr("no nvidia driver"), HasSubstr("libno-such-driver.so.1")));
  setenv("NYALA_CUDA_DRIVER", "libc.so.6", 1);
  expect(AllOf(HasSubstr("too old: it has no cu"), HasSubstr("cuda 12.0")));
  setenv("NYALA_CUDA_DRIVER", NYALA_FAKE_CUDA, 1);
  fake.version = 11080;
  expect(AllOf(HasSubstr("for cuda 11.8"), HasSubstr("12.0 or newer")));
  fake.version = 13000;
  fake.start = rt::cuda::NoDevice;
  expect(HasSubstr("has no nvidia gpu"));
  fake.start = rt::cuda::Result(803);
  expect(HasSubstr("does not start: error 803"));
  fake.start = rt::cuda::Success;
  fake.gpus = 0;
  expect(HasSubstr("has no nvidia gpu"));
  fake.gpus = 2;
  expect(HasSubstr("there is no cuda:2: this machine has 2 gpus: cuda:0 Fake One, cuda:1 Fake Two"),
         "cuda:2");
  openModel(makeToyOnGpu(), NYALA_OK, "cuda:1");
}

TEST_F(CudaErrorsTest, SaysWhichCodeSuits) {
  fake.major = 8;
  expect(AllOf(HasSubstr("has code for sm_90a (ptx)"), HasSubstr("Fake One, is sm_80"),
               HasSubstr("--cuda-arch=sm_80")));
  fake.major = 10;
  expect(AllOf(HasSubstr("is sm_100"), HasSubstr("--cuda-arch=sm_100a")));
  fake.major = 9;
  fake.ptx = rt::cuda::UnsupportedPtxVersion;
  expect(AllOf(HasSubstr("the driver (cuda 13.0) refuses its ptx for sm_90a"),
               HasSubstr("unsupported toolchain"), HasSubstr("update the driver")));
}

TEST_F(CudaErrorsTest, TakesTheCodeThatSuitsBest) {
  const auto choose = [&](const std::vector<std::pair<std::string, std::string>> &code) {
    ArtifactSpec spec = makeToyOnGpu();
    const ArtifactSpec::Executable any = spec.executables[0];
    spec.executables.clear();
    for (const auto &[arch, format] : code) {
      spec.executables.push_back(any);
      spec.executables.back().arch = arch;
      spec.executables.back().format = format;
    }
    openModel(spec, NYALA_OK);
    if (!model)
      return std::string();
    nyala_model_info info;
    nyala_model_get_info(model, &info);
    return std::string(info.cpu);
  };
  EXPECT_EQ(choose({{"sm_80", "cubin"}, {"sm_80", "ptx"}}), "sm_80"); // its ptx
  EXPECT_EQ(choose({{"sm_80", "ptx"}, {"sm_90", "cubin"}, {"sm_90a", "cubin"}}), "sm_90a");
  EXPECT_EQ(choose({{"sm_100a", "cubin"}, {"sm_90a", "ptx"}, {"sm_90", "cubin"}}), "sm_90");
  fake.minor = 1;
  EXPECT_EQ(choose({{"sm_90a", "cubin"}, {"sm_90", "cubin"}}), "sm_90");
  EXPECT_EQ(choose({{"sm_80", "ptx"}, {"sm_86", "ptx"}, {"sm_90a", "ptx"}}), "sm_86");
}

TEST_F(CudaErrorsTest, DevicesAreNamed) {
  for (const char *name : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "CPU"})
    expect(AllOf(HasSubstr(std::string("no device '") + name + "'"), HasSubstr("cuda:N")), name,
           NYALA_INVALID_ARGUMENT);
  expect(AllOf(HasSubstr("has no code for cpu, only for cuda"), HasSubstr("--target=cpu")), "cpu");
  openModel(makeToy(), NYALA_UNSUPPORTED, "cuda");
  EXPECT_THAT(nyala_last_error(), HasSubstr("has no code for cuda, only for cpu"));
  openModel(makeToy(), NYALA_OK, "cpu");
}

TEST_F(CudaErrorsTest, TheFirstDeviceThatIsThereRuns) {
  ArtifactSpec spec = makeToy(), gpu = makeToyOnGpu();
  // No entry of the CPU knows the resident state.
  spec.states.push_back(gpu.states[2]);
  spec.entries.insert(spec.entries.end(), gpu.entries.begin(), gpu.entries.end());
  gpu.executables[0].size = spec.executables[0].size = spec.code.size();
  gpu.executables[0].format = "cubin";
  spec.executables.insert(spec.executables.begin(), gpu.executables[0]);
  const auto getDevice = [&] {
    nyala_model_info info = {};
    nyala_model_get_info(model, &info);
    return std::string(info.device);
  };
  openModel(spec, NYALA_OK);
  EXPECT_EQ(getDevice(), "cuda:0");
  fake.start = rt::cuda::NoDevice;
  openModel(spec, NYALA_OK);
  EXPECT_EQ(getDevice(), "cpu");
  // Not where a device is named.
  openModel(spec, NYALA_UNSUPPORTED, "cuda");
  EXPECT_THAT(nyala_last_error(), HasSubstr("has no nvidia gpu"));
  fake.start = rt::cuda::Success;
  std::rotate(spec.executables.begin(), spec.executables.begin() + 1, spec.executables.end());
  openModel(spec, NYALA_OK);
  EXPECT_EQ(getDevice(), "cpu");
  openModel(spec, NYALA_OK, "cuda");
  EXPECT_EQ(getDevice(), "cuda:0");
  ASSERT_EQ(nyala_session_create(model, nullptr, &session), NYALA_OK);
  ASSERT_EQ(prefill(makeTokens(3)), NYALA_OK);
  EXPECT_EQ(logits(), expectLogits(makeTokens(3)));
}

TEST_F(CudaErrorsTest, FailuresNameWhatRan) {
  fake.broken = "hash";
  open(makeToyOnGpu());
  EXPECT_EQ(prefill(makeTokens(3)), NYALA_DEVICE_FAILED);
  EXPECT_THAT(nyala_last_error(), AllOf(HasSubstr("illegal memory access"), HasSubstr("cuda:0"),
                                        HasSubstr("NYALA_CUDA_DEBUG")));
  EXPECT_EQ(nyala_session_position(session), 0u);
  close();
  fake.failed = false;
  setenv("NYALA_CUDA_DEBUG", "1", 1);
  open(makeToyOnGpu());
  EXPECT_EQ(prefill(makeTokens(3)), NYALA_DEVICE_FAILED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("step 1 of prefill, kernel hash, on cuda:0: an illegal "
                                            "memory access was encountered"));
  close();
  fake.failed = false;
}

TEST_F(CudaErrorsTest, MemoryThatIsNotThere) {
  fake.memory = 1 << 10;
  expect(AllOf(HasSubstr("cannot reserve"), HasSubstr("on cuda:0"), HasSubstr("are free")), nullptr,
         NYALA_OUT_OF_MEMORY);
  fake.memory = 1 << 18;
  openModel(makeToyOnGpu(), NYALA_OK);
  fake.memory = fake.getUsed() + 1000;
  EXPECT_EQ(nyala_session_create(model, nullptr, &session), NYALA_OUT_OF_MEMORY);
  EXPECT_THAT(nyala_last_error(), HasSubstr("for the caches of the session"));
}

TEST_F(CudaErrorsTest, KernelsThatTheCodeLacks) {
  ArtifactSpec spec = makeToyOnGpu();
  spec.executables[0].kernels[0].name = "unknown";
  openModel(spec, NYALA_DEVICE_FAILED);
  EXPECT_THAT(nyala_last_error(), HasSubstr("find kernel 'unknown'"));
}

} // namespace
