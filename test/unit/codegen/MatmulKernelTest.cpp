//===- MatmulKernelTest.cpp - Products and look-ups of plain matrices -----===//
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>

using namespace nyala;
using namespace nyala::test;

namespace {

struct Shape {
  int64_t rows, columns, depth;
};

std::string matrix(int64_t rows, int64_t columns) {
  return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) + "xf32>";
}

double getTolerance(int64_t depth) { return 1e-6 * std::sqrt(static_cast<double>(depth)); }

class MatmulKernelTest : public KernelTest {
protected:
  static KernelText makeMatmul(const Shape &shape, bool transposeA, bool transposeB,
                               bool accumulates) {
    auto [rows, columns, depth] = shape;
    std::string a = transposeA ? matrix(depth, rows) : matrix(rows, depth);
    std::string b = transposeB ? matrix(columns, depth) : matrix(depth, columns);
    std::string c = matrix(rows, columns);
    std::string attributes = std::string(transposeA ? "transpose_a" : "") +
                             (transposeA && transposeB ? ", " : "") +
                             (transposeB ? "transpose_b" : "");
    std::string name = "matmul_" + std::to_string(rows) + "x" + std::to_string(columns) + "x" +
                       std::to_string(depth) + (transposeA ? "_ta" : "") +
                       (transposeB ? "_tb" : "") + (accumulates ? "_plus" : "");
    return makeKernel(name, rows, "%a: " + a + ", %b: " + b + (accumulates ? ", %c: " + c : ""),
                      "%0 = nyala.matmul %a, %b" + std::string(accumulates ? " plus %c" : "") +
                          (attributes.empty() ? "" : " {" + attributes + "}") + " : " + a + ", " +
                          b + (accumulates ? ", " + c : "") + " -> " + c,
                      "%0", c, getTolerance(depth));
  }
};

// Whole tiles and ragged ones; one row, one column, a depth of one; every pair of layouts.
TEST_P(MatmulKernelTest, Layouts) {
  const Shape shapes[] = {{1, 1, 1},   {8, 32, 16},  {9, 33, 17},   {64, 48, 32},
                          {7, 16, 64}, {96, 15, 40}, {17, 100, 31}, {128, 65, 8}};
  std::vector<KernelText> kernels;
  for (int64_t layout = 0; layout < 4; ++layout)
    for (int64_t i = 0; i < 8; ++i)
      kernels.push_back(makeMatmul(shapes[i], layout & 1, layout & 2, (layout + i) % 3 == 0));
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
      makeKernel("sum", 96, "%dy: " + y + ", %x: " + x + ", %r: " + w,
                 "%l = nyala.matmul %dy, %x {transpose_a} : " + y + ", " + x + " -> " + w +
                     "\n%0 = arith.addf %r, %l : " + w,
                 "%0", w, 2e-5),
  });
}

std::string makeLookUp(const std::string &ids) {
  return "%i: " + ids + " {test.values = array<i32: 36, 0, 17, 0, 1, 36, 5, 36, 3>}";
}

TEST_P(MatmulKernelTest, Embedding) {
  std::string ids = "tensor<?xi32>";
  std::vector<KernelText> kernels;
  for (int64_t width : {7, 32, 33, 96}) {
    std::string table = matrix(37, width), y = "tensor<?x" + std::to_string(width) + "xf32>";
    kernels.push_back(
        makeKernel("embedding_" + std::to_string(width), 20, makeLookUp(ids) + ", %w: " + table,
                   "%0 = nyala.embedding %i, %w : " + ids + ", " + table + " -> " + y, "%0", y, 0));
  }
  checkKernels(kernels);
}

// Several rows go to the same one; some rows get none.
TEST_P(MatmulKernelTest, ScatterAdd) {
  std::string ids = "tensor<24xi32>";
  std::vector<KernelText> kernels;
  for (int64_t width : {1, 32, 40, 100})
    for (bool updates : {false, true}) {
      std::string x = matrix(24, width), y = matrix(37, width);
      kernels.push_back(
          makeKernel("scatter_" + std::to_string(width) + (updates ? "_into" : ""), 37,
                     "%x: " + x + ", " + makeLookUp(ids) + (updates ? ", %y: " + y : ""),
                     "%0 = nyala.scatter_add %x at %i" + std::string(updates ? " into %y" : "") +
                         " : " + x + ", " + ids + (updates ? ", " + y : "") + " -> " + y,
                     "%0", y, 1e-6));
    }
  checkKernels(kernels);
}

NYALA_INSTANTIATE_KERNEL_TEST(MatmulKernelTest);

} // namespace
