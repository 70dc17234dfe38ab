//===- AmxProductTest.cpp - Products of tiles against other CPUs ----------===//
#include "runtime/devices/cpu/CpuFeatures.h"
#include "test/unit/codegen/Instructions.h"
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>

using namespace nyala;
using namespace nyala::test;

namespace {

/// Each test is one stored format of the weights.
class AmxProductTest : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    for (const char *cpu : {"sapphirerapids", "x86-64-v4", "x86-64-v3"})
      if (std::string missing = findMissingFeature(cpu); !missing.empty())
        GTEST_SKIP() << "this machine lacks " << missing << " for " << cpu;
  }

  static bool isSuperBlocks() { return std::string(GetParam()).ends_with("_k"); }

  static KernelText makeProduct(int64_t width, int64_t depth, int64_t maxRows, double tolerance) {
    std::string n = std::to_string(width), k = std::to_string(depth);
    std::string blocks = std::to_string(depth / 32), sums = std::to_string(depth / 16);
    std::string x = "tensor<?x" + k + "xf32>", y = "tensor<?x" + n + "xf32>";
    std::string quantized =
        "tensor<?x" + k + "xi8>, tensor<?x" + blocks + "xf32>, tensor<?x" + sums + "xi32>";
    std::string w = "tensor<" + n + "x" + k + "xf32, #nyala.packed<" + GetParam() + ">>";
    std::string b = "tensor<" + n + "xf32>";
    return makeKernel("product_" + n + "x" + k, maxRows, "%x: " + x + ", %w: " + w + ", %b: " + b,
                      "%q, %s, %t = nyala.quantize %x : " + x + " -> " + quantized +
                          "\n%0 = nyala.quantized_linear %q, %s, %t, %w bias %b : " + quantized +
                          ", " + w + ", " + b + " -> " + y,
                      "%0", y, tolerance);
  }
};

TEST_P(AmxProductTest, GivesTheBitsOfOtherCpus) {
  std::vector<KernelText> texts = {makeProduct(48, isSuperBlocks() ? 256 : 64, 64, 2e-5),
                                   makeProduct(33, isSuperBlocks() ? 512 : 320, 64, 2e-5)};
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

/// Prompts of more than 64 rows are multiplied in bf16, shorter ones by the same kernel in bytes.
TEST_P(AmxProductTest, RoundsPrompts) {
  if (rt::CpuFeatures::host().query("avx512bf16") != rt::CpuFeatures::Answer::Present)
    GTEST_SKIP() << "this machine has no avx512bf16";
  KernelText text = makeProduct(80, isSuperBlocks() ? 512 : 320, 100, /*tolerance=*/2e-2);
  auto amx = CompiledKernels::compile({text}, "sapphirerapids");
  auto avx2 = CompiledKernels::compile({text}, "x86-64-v3");
  ASSERT_TRUE(amx && avx2);
  InstructionUse use = findInstructions(amx->getImage());
  EXPECT_TRUE(use.usesOpcode("TDPBSUD"));
  EXPECT_TRUE(use.usesOpcode("TDPBF16PS"));
  for (int64_t rows : {65, 95, 96, 97, 100})
    amx->check(text, rows, /*seed=*/rows);
  for (int64_t rows : {17, 64}) {
    std::vector<Operand> operands = amx->makeOperands(text.name, rows, /*seed=*/rows);
    EXPECT_EQ(amx->run(text.name, operands, rows), avx2->run(text.name, operands, rows));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, AmxProductTest,
                         ::testing::Values("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k",
                                           "q6_k"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
