//===- MatmulKernelTest.cpp - Products and look-ups of plain matrices -----===//
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>

using namespace nyala;
using namespace nyala::test;

namespace {

struct Shape {
  int64_t rows, columns, depth;
};

std::string matrix(int64_t rows, int64_t columns, const std::string &element = "f32") {
  return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) + "x" + element + ">";
}

double getTolerance(int64_t depth) { return 1e-6 * std::sqrt(static_cast<double>(depth)); }

/// Whole tiles and ragged ones; one row, one column, a depth of one.
constexpr Shape kShapes[] = {{1, 1, 1},   {8, 32, 16},  {9, 33, 17},   {64, 48, 32},
                             {7, 16, 64}, {96, 15, 40}, {17, 100, 31}, {128, 65, 8}};

/// How the factors come: f32; bf16; or f32 that the kernel rounds.
enum class Factors { F32, BF16, Rounded };

KernelText makeMatmul(const Shape &shape, bool transposeA, bool transposeB, bool accumulates,
                      Factors factors = Factors::F32) {
  auto [rows, columns, depth] = shape;
  std::string from = factors == Factors::BF16 ? "bf16" : "f32";
  std::string to = factors == Factors::F32 ? "f32" : "bf16";
  auto a = [&](const std::string &element) {
    return transposeA ? matrix(depth, rows, element) : matrix(rows, depth, element);
  };
  auto b = [&](const std::string &element) {
    return transposeB ? matrix(columns, depth, element) : matrix(depth, columns, element);
  };
  std::string c = matrix(rows, columns);
  std::string attributes = std::string(transposeA ? "transpose_a" : "") +
                           (transposeA && transposeB ? ", " : "") +
                           (transposeB ? "transpose_b" : "");
  std::string name = "matmul_" + std::to_string(rows) + "x" + std::to_string(columns) + "x" +
                     std::to_string(depth) + (transposeA ? "_ta" : "") + (transposeB ? "_tb" : "") +
                     (accumulates ? "_plus" : "") + "_" + from + "_" + to;
  std::string exact = factors == Factors::Rounded ? " {test.bf16}" : "", body, left = "%a",
              right = "%b";
  if (factors == Factors::Rounded) {
    body = "%l = arith.truncf %a : " + a(from) + " to " + a(to) +
           "\n%r = arith.truncf %b : " + b(from) + " to " + b(to) + "\n";
    left = "%l";
    right = "%r";
  }
  body += "%0 = nyala.matmul " + left + ", " + right + (accumulates ? " plus %c" : "") +
          (attributes.empty() ? "" : " {" + attributes + "}") + " : " + a(to) + ", " + b(to) +
          (accumulates ? ", " + c : "") + " -> " + c;
  return makeKernel(name, rows,
                    "%a: " + a(from) + exact + ", %b: " + b(from) + exact +
                        (accumulates ? ", %c: " + c : ""),
                    body, "%0", c, getTolerance(depth));
}

class MatmulKernelTest : public KernelTest {};

TEST_P(MatmulKernelTest, Layouts) {
  std::vector<KernelText> kernels;
  for (int64_t layout = 0; layout < 4; ++layout)
    for (auto [i, shape] : llvm::enumerate(kShapes))
      kernels.push_back(makeMatmul(shape, layout & 1, layout & 2, (layout + i) % 3 == 0));
  // Rows 4096 bytes apart are copied before they are read by columns.
  kernels.push_back(makeMatmul({1024, 17, 5}, true, false, false));
  checkKernels(kernels);
}

TEST_P(MatmulKernelTest, LinearWithPlainWeight) {
  std::string x = "tensor<?x40xf32>", w = matrix(33, 40), y = "tensor<?x33xf32>";
  std::string fixed = matrix(24, 48), v = matrix(32, 48), z = matrix(24, 32);
  checkKernels({
      makeKernel("bias", 20, "%x: " + x + ", %w: " + w + ", %b: tensor<33xf32>",
                 "%0 = nyala.linear %x, %w bias %b : " + x + ", " + w + ", tensor<33xf32> -> " + y,
                 "%0", y, getTolerance(40)),
      makeKernel("one_row", 1, "%x: " + x + ", %w: " + w,
                 "%0 = nyala.linear %x, %w : " + x + ", " + w + " -> " + y, "%0", y,
                 getTolerance(40)),
      makeKernel("static", 24, "%x: " + fixed + ", %w: " + v,
                 "%0 = nyala.linear %x, %w : " + fixed + ", " + v + " -> " + z, "%0", z,
                 getTolerance(48)),
  });
}

// What follows a product is computed on its tiles.
TEST_P(MatmulKernelTest, Consumers) {
  std::string x = matrix(24, 40), w = matrix(96, 40), y = matrix(24, 96), half = matrix(24, 48);
  checkKernels({
      makeKernel("gate", 24, "%x: " + x + ", %w: " + w,
                 "%l = nyala.linear %x, %w : " + x + ", " + w + " -> " + y +
                     "\n%a, %b = nyala.split %l : " + y + " -> " + half + ", " + half +
                     "\n%0 = nyala.gated_activation silu %a, %b : " + half,
                 "%0, %a", half + ", " + half, 2e-5),
      // Two results of the same tiles.
      makeKernel("gate_gradient", 24,
                 "%dy: " + x + ", %w: " + matrix(40, 96) + ", %g: " + y + ", %u: " + y,
                 "%l = nyala.matmul %dy, %w : " + x + ", " + matrix(40, 96) + " -> " + y +
                     "\n%0, %1 = nyala.gated_activation_gradient silu %l, %g, %u : " + y,
                 "%0, %1", y + ", " + y, 2e-5),
      makeKernel("sum", 96, "%dy: " + y + ", %x: " + x + ", %r: " + w,
                 "%l = nyala.matmul %dy, %x {transpose_a} : " + y + ", " + x + " -> " + w +
                     "\n%0 = arith.addf %r, %l : " + w,
                 "%0", w, 2e-5),
  });
}

std::string makeLookUp(const std::string &ids) {
  return "%i: " + ids + " {test.values = array<i32: 36, 0, 17, 0, 1, 36, 5, 36, 3>}";
}

KernelText makeEmbedding(int64_t width) {
  std::string ids = "tensor<?xi32>", table = matrix(37, width);
  std::string y = "tensor<?x" + std::to_string(width) + "xf32>";
  return makeKernel("embedding_" + std::to_string(width), 20, makeLookUp(ids) + ", %w: " + table,
                    "%0 = nyala.embedding %i, %w : " + ids + ", " + table + " -> " + y, "%0", y, 0);
}

TEST_P(MatmulKernelTest, Embedding) {
  checkKernels({makeEmbedding(7), makeEmbedding(32), makeEmbedding(33), makeEmbedding(96)});
}

KernelText makeScatterAdd(int64_t width, bool updates) {
  std::string ids = "tensor<24xi32>", x = matrix(24, width), y = matrix(37, width);
  return makeKernel("scatter_" + std::to_string(width) + (updates ? "_into" : ""), 37,
                    "%x: " + x + ", " + makeLookUp(ids) + (updates ? ", %y: " + y : ""),
                    "%0 = nyala.scatter_add %x at %i" + std::string(updates ? " into %y" : "") +
                        " : " + x + ", " + ids + (updates ? ", " + y : "") + " -> " + y,
                    "%0", y, 1e-6);
}

// Several rows go to the same one; some rows get none.
TEST_P(MatmulKernelTest, ScatterAdd) {
  std::vector<KernelText> kernels;
  for (int64_t width : {1, 32, 40, 100})
    for (bool updates : {false, true})
      kernels.push_back(makeScatterAdd(width, updates));
  checkKernels(kernels);
}

NYALA_INSTANTIATE_CPU_KERNEL_TEST(MatmulKernelTest);

/// The first levels that CPUs are named by have no instructions for bf16.
class Bf16KernelTest : public ::testing::Test {
protected:
  static void checkKernels(const std::vector<KernelText> &texts) {
    constexpr const char *cpu = "cooperlake"; // the first that has them
    if (std::string missing = findMissingFeature(cpu); !missing.empty())
      GTEST_SKIP() << "this machine lacks " << missing;
    auto compiled = CompiledKernels::compile(texts, cpu);
    ASSERT_TRUE(compiled);
    for (const KernelText &text : texts)
      compiled->check(text, text.maxRows, /*seed=*/1);
  }
};

TEST_F(Bf16KernelTest, Layouts) {
  std::vector<KernelText> kernels;
  for (Factors factors : {Factors::BF16, Factors::Rounded})
    for (int64_t layout = 0; layout < 4; ++layout)
      for (auto [i, shape] : llvm::enumerate(kShapes))
        kernels.push_back(
            makeMatmul(shape, layout & 1, layout & 2, (layout + i) % 3 == 0, factors));
  checkKernels(kernels);
}

TEST_F(Bf16KernelTest, Linear) {
  std::string x = matrix(24, 40, "bf16"), w = matrix(33, 40), y = matrix(24, 33);
  checkKernels(
      {makeKernel("linear", 24, "%x: " + x + ", %w: " + w + " {test.bf16}, %b: tensor<33xf32>",
                  "%r = arith.truncf %w : " + w + " to " + matrix(33, 40, "bf16") +
                      "\n%0 = nyala.linear %x, %r bias %b : " + x + ", " + matrix(33, 40, "bf16") +
                      ", tensor<33xf32> -> " + y,
                  "%0", y, getTolerance(40))});
}

// To nearest, ties to even.
TEST_F(Bf16KernelTest, Rounding) {
  std::string x = matrix(9, 37), y = matrix(9, 37, "bf16");
  checkKernels(
      {makeKernel("round", 9, "%x: " + x, "%0 = arith.truncf %x : " + x + " to " + y, "%0", y, 0)});
}

} // namespace
