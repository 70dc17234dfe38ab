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

  static bool isSuperBlocks() { return std::string(GetParam()).ends_with("_k"); }

  /// A product whose operands are stored, as in a prompt, or with the quantization inside.
  static KernelText makeProduct(int64_t width, int64_t depth, bool isFused) {
    std::string n = std::to_string(width), k = std::to_string(depth);
    std::string x = "tensor<?x" + k + "xf32>", y = "tensor<?x" + n + "xf32>";
    std::string q = "tensor<?x" + k + "xi8>",
                s = "tensor<?x" + std::to_string(depth / 32) + "xf32>",
                t = "tensor<?x" + std::to_string(depth / 16) + "xi32>";
    std::string w = "tensor<" + n + "x" + k + "xf32, #nyala.packed<" + GetParam() + ">>";
    std::string b = "tensor<" + n + "xf32>";
    std::string quantized = q + ", " + s + ", " + t;
    std::string product = "%0 = nyala.quantized_linear %q, %s, %t, %w bias %b : " + quantized +
                          ", " + w + ", " + b + " -> " + y;
    std::string name = (isFused ? "fused_" : "product_") + n + "x" + k;
    if (isFused) // and what follows overwrites an operand
      return makeKernel(
          name, kMaxRows, "%x: " + x + ", %w: " + w + ", %b: " + b,
          "%q, %s, %t = nyala.quantize %x : " + x + " -> " + quantized + "\n" + product, "%0", y);
    return makeKernel(name, kMaxRows,
                      "%q: " + q + ", %s: " + s + ", %t: " + t + ", %w: " + w + ", %b: " + b,
                      product, "%0", y);
  }
};

TEST_P(AmxProductTest, GivesTheBitsOfOtherCpus) {
  std::vector<KernelText> texts;
  if (isSuperBlocks())
    texts = {makeProduct(48, 256, true), makeProduct(33, 512, true)};
  else
    texts = {makeProduct(48, 64, true), makeProduct(33, 32, true), makeProduct(16, 96, true),
             makeProduct(80, 576, true)};
  auto amx = CompiledKernels::compile(texts, "sapphirerapids");
  auto avx512 = CompiledKernels::compile(texts, "x86-64-v4");
  auto avx2 = CompiledKernels::compile(texts, "x86-64-v3");
  ASSERT_TRUE(amx && avx512 && avx2);
  InstructionUse use = findInstructions(amx->getImage());
  EXPECT_EQ(use.obstacle, "");
  EXPECT_TRUE(use.usesOpcode("TDPBSUD"));
  for (const KernelText &text : texts)
    for (int64_t rows : {1, 7, 15, 16, 17, 31, 32, 48, 63, 64}) {
      SCOPED_TRACE(text.name + " with " + std::to_string(rows) + " rows");
      std::vector<Operand> operands = amx->makeOperands(text.name, rows, /*seed=*/rows);
      std::vector<Bytes> results = amx->run(text.name, operands, rows);
      EXPECT_EQ(results, avx512->run(text.name, operands, rows));
      EXPECT_EQ(results, avx2->run(text.name, operands, rows));
    }
  for (const KernelText &text : texts)
    amx->check(text, /*rows=*/35, /*seed=*/1);
}

INSTANTIATE_TEST_SUITE_P(Formats, AmxProductTest,
                         ::testing::Values("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k",
                                           "q6_k"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
