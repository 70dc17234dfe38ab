//===- KernelCasesTest.cpp - Kernels that another machine compiled --------===//
//
// nyala-codegen-test compiles kernels for GPUs and checks them on the spot. On a
// machine without a GPU it leaves them, with NYALA_TEST_EXPORT=DIR, in files of
// that directory; with NYALA_TEST_CASES=DIR this program checks them elsewhere.
//
//===----------------------------------------------------------------------===//
#include "test/unit/kernels/KernelCases.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace nyala::test;

namespace {

std::vector<std::filesystem::path> findCases() {
  const char *directory = std::getenv("NYALA_TEST_CASES");
  std::vector<std::filesystem::path> paths;
  if (directory && *directory)
    for (const auto &file : std::filesystem::directory_iterator(directory))
      if (file.path().extension() == ".cases")
        paths.push_back(file.path());
  std::ranges::sort(paths);
  return paths;
}

class KernelCasesTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(KernelCasesTest, LeavesWhatTheInterpreterLeaves) {
  std::string reason;
  const std::unique_ptr<nyala::rt::cuda::CudaContext> gpu = openGpu(reason);
  if (!gpu)
    GTEST_SKIP() << reason;
  std::ifstream file(GetParam(), std::ios::binary);
  const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size(),
                                 /*max_depth=*/64, /*max_tables=*/1 << 24);
  ASSERT_TRUE(cases::VerifyKernelCasesBuffer(verifier)) << "made by another version of the tests";
  checkCases(*gpu, *cases::GetKernelCases(bytes.data()));
}

/// Without a directory there is nothing to check.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KernelCasesTest);

INSTANTIATE_TEST_SUITE_P(Files, KernelCasesTest, ::testing::ValuesIn(findCases()),
                         [](const auto &info) {
                           std::string name = info.param.stem();
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

} // namespace
