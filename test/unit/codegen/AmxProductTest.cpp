//===- AmxProductTest.cpp - Products of tiles against other CPUs ----------===//
#include "test/unit/codegen/Instructions.h"
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>

using namespace nyala;
using namespace nyala::test;

namespace {

/// Each test is one stored format of the weights.
class AmxProductTest : public ::testing::TestWithParam<const char *> {
protected:
  static constexpr int64_t kMaxRows = 64;

  void SetUp() override {
    for (const char *cpu : {"sapphirerapids", "x86-64-v4", "x86-64-v3"})
      if (std::string missing = findMissingFeature(cpu); !missing.empty())
        GTEST_SKIP() << "this machine lacks " << missing << " for " << cpu;
  }

  static KernelText makeProduct(int64_t width, int64_t depth) {
    std::string n = std::to_string(width), k = std::to_string(depth);
    std::string blocks = std::to_string(depth / 32), sums = std::to_string(depth / 16);
    std::string x = "tensor<?x" + k + "xf32>", y = "tensor<?x" + n + "xf32>";
    std::string quantized =
        "tensor<?x" + k + "xi8>, tensor<?x" + blocks + "xf32>, tensor<?x" + sums + "xi32>";
    std::string w = "tensor<" + n + "x" + k + "xf32, #nyala.packed<" + GetParam() + ">>";
    std::string b = "tensor<" + n + "xf32>";
    return makeKernel("product_" + n + "x" + k, kMaxRows, "%x: " + x + ", %w: " + w + ", %b: " + b,
                      "%q, %s, %t = nyala.quantize %x : " + x + " -> " + quantized +
                          "\n%0 = nyala.quantized_linear %q, %s, %t, %w bias %b : " + quantized +
                          ", " + w + ", " + b + " -> " + y,
                      "%0", y, 1e-6 * std::sqrt(static_cast<double>(depth)));
  }
};

TEST_P(AmxProductTest, GivesTheBitsOfOtherCpus) {
  bool isSuperBlocks = std::string(GetParam()).ends_with("_k");
  std::vector<KernelText> texts = {makeProduct(48, isSuperBlocks ? 256 : 32),
                                   makeProduct(33, isSuperBlocks ? 512 : 160)};
  auto amx = CompiledKernels::compile(texts, "sapphirerapids");
  auto avx512 = CompiledKernels::compile(texts, "x86-64-v4");
  auto avx2 = CompiledKernels::compile(texts, "x86-64-v3");
  ASSERT_TRUE(amx && avx512 && avx2);
  InstructionUse use = findInstructions(amx->getImage());
  EXPECT_EQ(use.obstacle, "");
  EXPECT_TRUE(use.usesOpcode("TDPBSUD"));
  for (const KernelText &text : texts) {
    for (int64_t rows : {1, 7, 15, 16, 17, 31, 32, 48, 63, 64}) {
      SCOPED_TRACE(text.name + " with " + std::to_string(rows) + " rows");
      std::vector<Operand> operands = amx->makeOperands(text.name, rows, /*seed=*/rows);
      std::vector<Bytes> results = amx->run(text.name, operands, rows);
      EXPECT_EQ(results, avx512->run(text.name, operands, rows));
      EXPECT_EQ(results, avx2->run(text.name, operands, rows));
    }
    amx->check(text, /*rows=*/35, /*seed=*/1);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, AmxProductTest,
                         ::testing::Values("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k",
                                           "q6_k"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
