//===- RescaledProductTest.cpp - Products of prompts in bytes -------------===//
#include "test/unit/codegen/KernelHarness.h"

using namespace nyala;
using namespace nyala::test;

namespace {

/// Each test is one stored format of the weights.
class RescaledProductTest : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    for (const char *cpu : {"icelake-server", "x86-64-v3"})
      if (std::string missing = findMissingFeature(cpu); !missing.empty())
        GTEST_SKIP() << "this machine lacks " << missing << " for " << cpu;
  }

  /// Gate and up of 48 columns each, so that the second begins in the middle of a tile and the last
  /// tile is one vector, and a residual.
  static KernelText makeGate(int64_t depth, double tolerance) {
    std::string k = std::to_string(depth), x = "tensor<?x" + k + "xf32>";
    std::string w = "tensor<96x" + k + "xf32, #nyala.packed<" + GetParam() + ">>";
    std::string quantized = "tensor<?x" + k + "xi8>, tensor<?x" + std::to_string(depth / 32) +
                            "xf32>, tensor<?x" + std::to_string(depth / 16) + "xi32>";
    return makeKernel("gate_" + k, /*maxRows=*/71,
                      "%x: " + x + ", %w: " + w + ", %r: tensor<?x48xf32>",
                      "%q, %s, %t = nyala.quantize %x : " + x + " -> " + quantized +
                          "\n%l = nyala.quantized_linear %q, %s, %t, %w : " + quantized + ", " + w +
                          " -> tensor<?x96xf32>\n"
                          "%a, %b = nyala.split %l : tensor<?x96xf32> -> tensor<?x48xf32>, "
                          "tensor<?x48xf32>\n"
                          "%g = nyala.gated_activation silu %a, %b : tensor<?x48xf32>\n"
                          "%0 = arith.addf %r, %g : tensor<?x48xf32>",
                      "%0", "tensor<?x48xf32>", tolerance);
  }
};

/// One group of blocks, and several, of which the last is shorter where the format has it.
TEST_P(RescaledProductTest, RoundsPrompts) {
  bool isSuperBlocks = std::string(GetParam()).ends_with("_k");
  std::vector<KernelText> texts = {makeGate(isSuperBlocks ? 256 : 32, /*tolerance=*/4e-2),
                                   makeGate(isSuperBlocks ? 1280 : 640, /*tolerance=*/4e-2)};
  auto vnni = CompiledKernels::compile(texts, "icelake-server");
  auto avx2 = CompiledKernels::compile(texts, "x86-64-v3");
  ASSERT_TRUE(vnni && avx2);
  for (const KernelText &text : texts) {
    for (int64_t rows : {65, 71})
      vnni->check(text, rows, /*seed=*/rows);
    for (int64_t rows : {17, 64, 65}) {
      SCOPED_TRACE(text.name + " with " + std::to_string(rows) + " rows");
      std::vector<Operand> operands = vnni->makeOperands(text.name, rows, /*seed=*/rows);
      EXPECT_EQ(vnni->run(text.name, operands, rows) == avx2->run(text.name, operands, rows),
                rows <= 64);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RescaledProductTest,
                         ::testing::Values("q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
