//===- FusedKernelTest.cpp - Bodies as dispatch formation makes them ------===//
#include "test/unit/codegen/KernelHarness.h"

using namespace nyala;
using namespace nyala::test;

namespace {

std::string linear(const std::string &result, const std::string &x, const std::string &w,
                   int64_t width, int64_t depth, const std::string &format) {
  std::string n = std::to_string(width), k = std::to_string(depth);
  return result + " = nyala.linear " + x + ", " + w + " : tensor<?x" + k + "xf32>, tensor<" + n +
         "x" + k + "xf32, #nyala.packed<" + format + ">> -> tensor<?x" + n + "xf32>\n";
}

std::string packed(int64_t width, int64_t depth, const std::string &format) {
  return "tensor<" + std::to_string(width) + "x" + std::to_string(depth) + "xf32, #nyala.packed<" +
         format + ">>";
}

/// Query, key and value: the head of a layer. Two query heads, one of keys and values.
/// `encoding` of the caches: a value near a tie of its block may be rounded otherwise in f64.
KernelText makeProjection(const std::string &name, int64_t maxRows, const std::string &format,
                          const std::string &encoding = "") {
  std::string ids = "tensor<?xi32>", cache = "tensor<2x16x32xf32" + encoding + ">";
  return makeKernel(
      name, maxRows,
      "%x: tensor<?x96xf32>, %g: tensor<96xf32>, %w: " + packed(128, 96, format) +
          ", %t: tensor<?x32xf32>, %k: " + cache + ", %v: " + cache +
          ", %s: tensor<?xi32> {test.values = array<i32: 3, 0, -1, 15, 8, 2, 9, 11>}, "
          "%q: tensor<?xi32> {test.below = 2 : i64}",
      "%n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x96xf32>, tensor<96xf32>\n" +
          linear("%l", "%n", "%w", 128, 96, format) +
          "%a, %b, %c = nyala.split %l : tensor<?x128xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, "
          "tensor<?x32xf32>\n"
          "%0 = nyala.rotate adjacent %a by %t {heads = 2 : i64} : tensor<?x64xf32>, "
          "tensor<?x32xf32>\n"
          "%r = nyala.rotate adjacent %b by %t {heads = 1 : i64} : tensor<?x32xf32>, "
          "tensor<?x32xf32>\n"
          "%1 = nyala.cache_append %k, %r at %s in %q : " +
          cache + ", tensor<?x32xf32>, " + ids + ", " + ids +
          "\n%2 = nyala.cache_append %v, %c at %s in %q : " + cache + ", tensor<?x32xf32>, " + ids +
          ", " + ids,
      "%0, %1, %2", "tensor<?x64xf32>, " + cache + ", " + cache, encoding.empty() ? 1e-5 : 1e-2);
}

/// Gate and up; 48 columns each, so that the second part begins in the middle of a tile.
KernelText makeGate(const std::string &name, int64_t maxRows, const std::string &format) {
  return makeKernel(name, maxRows,
                    "%x: tensor<?x64xf32>, %g: tensor<64xf32>, %w: " + packed(96, 64, format),
                    "%n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, "
                    "tensor<64xf32>\n" +
                        linear("%l", "%n", "%w", 96, 64, format) +
                        "%a, %b = nyala.split %l : tensor<?x96xf32> -> tensor<?x48xf32>, "
                        "tensor<?x48xf32>\n"
                        "%0 = nyala.gated_activation silu %a, %b : tensor<?x48xf32>",
                    "%0", "tensor<?x48xf32>", 2e-5);
}

KernelText makeResidual(const std::string &name, int64_t maxRows, const std::string &format) {
  return makeKernel(
      name, maxRows,
      "%x: tensor<?x160xf32>, %w: " + packed(80, 160, format) + ", %r: tensor<?x80xf32>",
      linear("%l", "%x", "%w", 80, 160, format) + "%0 = arith.addf %r, %l : tensor<?x80xf32>", "%0",
      "tensor<?x80xf32>", 1e-5);
}

class FusedKernelTest : public KernelTest {};

TEST_P(FusedKernelTest, Layer) {
  checkKernels({
      makeProjection("projection_1", 1, "q4_1"),
      makeProjection("projection_8", 8, "q8_0"),
      forCpus(makeProjection("projection_to_blocks_1", 1, "q4_1", ", #nyala.blocks<q8_0>")),
      forCpus(makeProjection("projection_to_blocks_8", 8, "q8_0", ", #nyala.blocks<q8_0>")),
      makeGate("gate_4", 4, "q4_1"),
      makeGate("gate_9", 9, "q5_0"),
      makeResidual("residual_1", 1, "q5_1"),
      makeResidual("residual_128", 128, "f16"),
  });
}

// Rows that are needed as a whole before others are: each is computed before what reads it.
TEST_P(FusedKernelTest, ProducersOfProducers) {
  std::string x = "tensor<?x64xf32>", g = "tensor<64xf32>";
  auto norm = [&](const std::string &result, const std::string &operand) {
    return result + " = nyala.rms_norm " + operand + ", %g {epsilon = 1.0e-5 : f32} : " + x + ", " +
           g + "\n";
  };
  std::string w = packed(48, 64, "q4_0"), y = "tensor<?x48xf32>";
  checkKernels({
      makeKernel("norm_of_sum_with_norm", 8,
                 "%x: " + x + ", %y: " + x + ", %g: " + g + ", %w: " + w,
                 norm("%n", "%y") + "%s = arith.addf %x, %n : " + x + "\n" + norm("%m", "%s") +
                     linear("%0", "%m", "%w", 48, 64, "q4_0"),
                 "%0", y, 1e-5),
      makeKernel("three_norms", 4, "%x: " + x + ", %g: " + g + ", %w: " + w,
                 norm("%a", "%x") + norm("%b", "%a") + norm("%c", "%b") +
                     linear("%0", "%c", "%w", 48, 64, "q4_0"),
                 "%0", y, 1e-5),
      makeKernel("norm_of_part", 8, "%x: tensor<?x80xf32>, %g: " + g + ", %w: " + w,
                 "%p, %q = nyala.split %x : tensor<?x80xf32> -> tensor<?x16xf32>, " + x + "\n" +
                     norm("%m", "%q") + linear("%0", "%m", "%w", 48, 64, "q4_0"),
                 "%0", y, 1e-5),
      makeKernel("gathered_norm", 2,
                 "%x: tensor<?x64xf32> {test.rows = 9 : i64}, %i: tensor<?xi32> {test.values = "
                 "array<i32: 8, 3>}, %g: " +
                     g + ", %w: " + w,
                 "%p = nyala.gather %x, %i : " + x + ", tensor<?xi32> -> " + x + "\n" +
                     norm("%m", "%p") + linear("%0", "%m", "%w", 48, 64, "q4_0"),
                 "%0", y, 1e-5),
  });
}

/// Of GPUs checkKernels() compares with kernels of one row.
class MaxRowsTest : public KernelTest {};

// A row does not depend on how many could have been computed with it.
TEST_P(MaxRowsTest, BitsDoNotDependOnMaxRows) {
  std::vector<KernelText> kernels;
  for (int64_t maxRows : {1, 4, 8})
    for (std::string format : {"q4_1", "f16"})
      kernels.push_back(makeGate(format + "_" + std::to_string(maxRows), maxRows, format));
  auto compiled = CompiledKernels::compile(kernels, GetParam());
  ASSERT_TRUE(compiled);
  for (std::string format : {"q4_1", "f16"}) {
    auto first = [&](const std::string &name, int64_t rows) {
      std::vector<Bytes> results =
          compiled->run(name, compiled->makeOperands(name, rows, /*seed=*/7), rows);
      results[0].resize(48 * sizeof(float));
      return results;
    };
    std::vector<Bytes> alone = first(format + "_1", 1);
    EXPECT_EQ(first(format + "_4", 3), alone);
    EXPECT_EQ(first(format + "_8", 8), alone);
  }
}

NYALA_INSTANTIATE_KERNEL_TEST(FusedKernelTest);
NYALA_INSTANTIATE_CPU_KERNEL_TEST(MaxRowsTest);

/// What the machine at hand has beyond the levels.
TEST(NativeKernelTest, Layer) {
  std::vector<KernelText> kernels = {makeProjection("projection_1", 1, "q4_1"),
                                     makeGate("gate_8", 8, "q8_0"),
                                     makeResidual("residual_9", 9, "q5_1")};
  auto compiled = CompiledKernels::compile(kernels, "native");
  ASSERT_TRUE(compiled);
  for (const KernelText &kernel : kernels)
    for (int64_t rows : {int64_t(1), kernel.maxRows})
      compiled->check(kernel, rows, /*seed=*/rows);
}

/// The harness itself: what it looks for it finds.
TEST(KernelHarnessTest, FindsWrongValues) {
  KernelText text = makeGate("gate", 4, "q4_0");
  auto compiled = CompiledKernels::compile({text}, "x86-64");
  ASSERT_TRUE(compiled);
  std::vector<Operand> operands = compiled->makeOperands("gate", 4, 1);
  std::vector<Bytes> results = compiled->run("gate", operands, 4);
  operands[2].bytes[5] ^= 0x10; // one quant of the weight
  EXPECT_NE(compiled->run("gate", operands, 4), results);
  EXPECT_NE(compiled->run("gate", operands, 4, {{0, 1}}), results);
}

} // namespace
