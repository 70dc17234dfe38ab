//===- RowKernelTest.cpp - Norms, softmax, reductions ---------------------===//
#include "test/unit/codegen/KernelHarness.h"

using namespace nyala;
using namespace nyala::test;

namespace {

class RowKernelTest : public KernelTest {
protected:
  static std::string matrix(int64_t width) { return "tensor<?x" + std::to_string(width) + "xf32>"; }
  static std::string vector(int64_t width) { return "tensor<" + std::to_string(width) + "xf32>"; }
};

constexpr int64_t kWidths[] = {1, 7, 16, 17, 64, 100, 576};

TEST_P(RowKernelTest, RmsNorm) {
  std::vector<KernelText> kernels;
  for (int64_t width : kWidths)
    for (int64_t groups : {1, 3}) {
      std::string x = matrix(width * groups), g = vector(width);
      kernels.push_back(makeKernel("norm_" + std::to_string(width) + "_" + std::to_string(groups),
                                   groups == 1 ? 8 : 128, "%x: " + x + ", %g: " + g,
                                   "%0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32, groups = " +
                                       std::to_string(groups) + " : i64} : " + x + ", " + g,
                                   "%0", x));
    }
  checkKernels(kernels);
}

TEST_P(RowKernelTest, LayerNorm) {
  std::vector<KernelText> kernels;
  for (int64_t width : kWidths)
    for (bool bias : {false, true}) {
      if (width == 1) // the value is its mean: all that is left is its error
        continue;
      std::string x = matrix(width), g = vector(width);
      kernels.push_back(
          makeKernel("norm_" + std::to_string(width) + (bias ? "_bias" : ""), bias ? 8 : 128,
                     "%x: " + x + ", %g: " + g + (bias ? ", %b: " + g : ""),
                     "%0 = nyala.layer_norm %x, %g" + std::string(bias ? " bias %b" : "") +
                         " {epsilon = 1.0e-5 : f32} : " + x + ", " + g + (bias ? ", " + g : ""),
                     "%0", x, 2e-6));
    }
  checkKernels(kernels);
}

TEST_P(RowKernelTest, Softmax) {
  std::vector<KernelText> kernels;
  for (int64_t width : kWidths)
    for (const char *scale : {"1.0", "30.0"}) {
      std::string x = matrix(width);
      kernels.push_back(makeKernel("softmax_" + std::to_string(width) + "_" + scale[0],
                                   scale[0] == '1' ? 8 : 128,
                                   "%x: " + x + " {test.scale = " + scale + " : f64}",
                                   "%0 = nyala.softmax %x : " + x, "%0", x));
    }
  checkKernels(kernels);
}

TEST_P(RowKernelTest, Reduce) {
  std::vector<KernelText> kernels;
  for (int64_t width : kWidths)
    for (const char *kind : {"sum", "mean", "max"}) {
      std::string x = matrix(width);
      // Sums of numbers of both signs cancel: their error is relative to the numbers.
      kernels.push_back(makeKernel(std::string(kind) + "_" + std::to_string(width), 8, "%x: " + x,
                                   "%s = arith.mulf %x, %x : " + x + "\n%0 = nyala.reduce " + kind +
                                       " %s : " + x + " -> tensor<?x1xf32>",
                                   "%0", "tensor<?x1xf32>"));
    }
  checkKernels(kernels);
}

// What is computed on the way to a row must not leak from beyond its last column: cos(0) = 1 and
// 0 / 0 is no number. Rows are computed from rows, and from parts of wider ones.
TEST_P(RowKernelTest, ComputedOperands) {
  std::string x = matrix(21), g = vector(21), fixed = "tensor<5x21xf32>";
  checkKernels({
      makeKernel("quotient_sum", 8, "%x: " + x,
                 "%q = arith.divf %x, %x : " + x + "\n%0 = nyala.reduce sum %q : " + x +
                     " -> tensor<?x1xf32>",
                 "%0", "tensor<?x1xf32>"),
      makeKernel("quotient_norm", 8, "%x: " + x + ", %y: " + x + ", %g: " + g,
                 "%q = arith.divf %x, %y : " + x +
                     "\n%0 = nyala.rms_norm %q, %g {epsilon = 1.0e-5 : f32} : " + x + ", " + g,
                 "%0", x),
      makeKernel(
          "shifted_layer_norm", 5, "%x: " + fixed + ", %g: " + g,
          "%c = arith.constant dense<3.0> : " + fixed + "\n%q = arith.addf %x, %c : " + fixed +
              "\n%0 = nyala.layer_norm %q, %g {epsilon = 1.0e-5 : f32} : " + fixed + ", " + g,
          "%0", fixed, 2e-6),
      makeKernel("norm_of_softmax_of_norm", 8, "%x: " + x + ", %g: " + g,
                 "%n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : " + x + ", " + g +
                     "\n%s = nyala.softmax %n : " + x +
                     "\n%0 = nyala.layer_norm %s, %g {epsilon = 1.0e-5 : f32} : " + x + ", " + g,
                 "%0", x, 4e-6),
      makeKernel("norm_of_parts", 8, "%x: tensor<?x40xf32>, %g: " + g + ", %h: tensor<19xf32>",
                 "%p, %q = nyala.split %x : tensor<?x40xf32> -> tensor<?x19xf32>, " + x +
                     "\n%0 = nyala.rms_norm %q, %g {epsilon = 1.0e-5 : f32} : " + x + ", " + g +
                     "\n%1 = nyala.rms_norm %p, %h {epsilon = 1.0e-5 : f32} : tensor<?x19xf32>, "
                     "tensor<19xf32>",
                 "%0, %1", x + ", tensor<?x19xf32>"),
  });
}

NYALA_INSTANTIATE_KERNEL_TEST(RowKernelTest);

} // namespace
