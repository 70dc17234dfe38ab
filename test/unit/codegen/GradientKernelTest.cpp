//===- GradientKernelTest.cpp - Gradients of rows, optimizers, sums -------===//
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>
#include <cstring>

using namespace nyala;
using namespace nyala::test;

namespace {

class GradientKernelTest : public KernelTest {
protected:
  static std::string number(int64_t value) { return std::to_string(value); }
  static std::string matrix(int64_t width) { return "tensor<?x" + number(width) + "xf32>"; }
  static std::string matrix(int64_t rows, int64_t width) {
    return "tensor<" + number(rows) + "x" + number(width) + "xf32>";
  }
  static std::string vector(int64_t width) { return "tensor<" + number(width) + "xf32>"; }
};

constexpr int64_t kWidths[] = {2, 7, 16, 33, 100, 576};

TEST_P(GradientKernelTest, Norms) {
  std::vector<KernelText> kernels;
  for (int64_t width : kWidths) {
    for (int64_t groups : {1, 3}) {
      std::string x = matrix(width * groups), g = vector(width);
      kernels.push_back(
          makeKernel("rms_" + number(width) + "_" + number(groups), groups == 1 ? 8 : 64,
                     "%d: " + x + ", %x: " + x + ", %g: " + g,
                     "%0 = nyala.rms_norm_gradient %d, %x, %g {epsilon = 1.0e-5 : f32, groups = " +
                         number(groups) + " : i64} : " + x + ", " + g,
                     "%0", x, 4e-6));
    }
    std::string x = matrix(width), g = vector(width);
    // What is left of a row of two is its error.
    if (width > 2)
      kernels.push_back(makeKernel(
          "layer_" + number(width), width == 33 ? 8 : 64, "%d: " + x + ", %x: " + x + ", %g: " + g,
          "%0 = nyala.layer_norm_gradient %d, %x, %g {epsilon = 1.0e-5 : f32} : " + x + ", " + g,
          "%0", x, 4e-6));
  }
  checkKernels(kernels);
}

// Rows that fill chains and blocks of them, and do not; columns of several items.
TEST_P(GradientKernelTest, WeightsOfNorms) {
  std::vector<KernelText> kernels;
  for (auto [rows, width] : {std::pair(1, 16), {5, 7}, {128, 64}, {131, 100}, {300, 33}, {64, 193}})
    for (int64_t groups : {1, 3}) {
      std::string x = matrix(rows, width * groups), g = vector(width);
      std::string name = number(rows) + "_" + number(width) + "_" + number(groups);
      kernels.push_back(makeKernel(
          "rms_" + name, rows, "%d: " + x + ", %x: " + x,
          "%0 = nyala.rms_norm_weight_gradient %d, %x {epsilon = 1.0e-5 : f32, groups = " +
              number(groups) + " : i64} : " + x + " -> " + g,
          "%0", g, 2e-6));
      if (groups == 1)
        kernels.push_back(makeKernel(
            "layer_" + name, rows, "%d: " + x + ", %x: " + x,
            "%0 = nyala.layer_norm_weight_gradient %d, %x {epsilon = 1.0e-5 : f32} : " + x +
                " -> " + g,
            "%0", g, 2e-6));
    }
  checkKernels(kernels);
}

TEST_P(GradientKernelTest, SumsOfRows) {
  std::vector<KernelText> kernels;
  for (auto [rows, width] :
       {std::pair(1, 1), {512, 1}, {5, 7}, {128, 64}, {131, 100}, {300, 33}, {1000, 200}})
    for (const char *squared : {"", " {squared}"}) {
      std::string x = matrix(rows, width), y = matrix(1, width);
      kernels.push_back(makeKernel(
          "sum_" + number(rows) + "_" + number(width) + (*squared ? "_squared" : ""), rows,
          "%x: " + x, "%0 = nyala.sum_rows %x" + std::string(squared) + " : " + x + " -> " + y,
          "%0", y));
    }
  checkKernels(kernels);
}

TEST_P(GradientKernelTest, SoftmaxAndColumns) {
  std::vector<KernelText> kernels;
  for (int64_t width : kWidths) {
    std::string x = matrix(width);
    kernels.push_back(makeKernel("softmax_" + number(width), 8, "%d: " + x + ", %y: " + x,
                                 "%0 = nyala.softmax_gradient %d, %y : " + x, "%0", x, 2e-6));
    kernels.push_back(makeKernel("broadcast_" + number(width), 8, "%s: tensor<?x1xf32>",
                                 "%0 = nyala.broadcast_columns %s : tensor<?x1xf32> -> " + x, "%0",
                                 x, 0));
  }
  checkKernels(kernels);
}

TEST_P(GradientKernelTest, Activations) {
  std::vector<KernelText> kernels;
  for (const char *kind : {"silu", "gelu", "gelu_tanh", "relu"})
    for (auto [width, scale] : {std::pair(33, "1.0"), {64, "30.0"}, {16, "0.01"}}) {
      std::string x = matrix(width), in = x + " {test.scale = " + scale + " : f64}";
      std::string name = std::string(kind) + "_" + number(width);
      kernels.push_back(makeKernel(
          name, 8, "%d: " + x + ", %x: " + in,
          "%0 = nyala.activation_gradient " + std::string(kind) + " %d, %x : " + x, "%0", x, 2e-6));
      kernels.push_back(makeKernel("gated_" + name, 64, "%d: " + x + ", %g: " + in + ", %u: " + x,
                                   "%0, %1 = nyala.gated_activation_gradient " + std::string(kind) +
                                       " %d, %g, %u : " + x,
                                   "%0, %1", x + ", " + x, 2e-6));
    }
  checkKernels(kernels);
}

// A gradient of a rotation rotates back.
TEST_P(GradientKernelTest, InverseRotations) {
  std::vector<KernelText> kernels;
  struct Shape {
    int64_t heads, headDim, dims;
  };
  for (Shape shape : {Shape{3, 64, 64}, {2, 32, 16}, {3, 6, 6}, {2, 48, 20}, {1, 80, 70}})
    for (std::string pairing : {"adjacent", "half"}) {
      std::string x = matrix(shape.heads * shape.headDim), t = matrix(shape.dims);
      kernels.push_back(makeKernel(
          pairing + number(shape.headDim) + "_" + number(shape.dims), 8, "%x: " + x + ", %t: " + t,
          "%0 = nyala.rotate " + pairing + " %x by %t {heads = " + number(shape.heads) +
              " : i64, inverse} : " + x + ", " + t,
          "%0", x));
    }
  checkKernels(kernels);
}

//===----------------------------------------------------------------------===//
// Cross entropy
//===----------------------------------------------------------------------===//

TEST_P(GradientKernelTest, LogSumExp) {
  std::vector<KernelText> kernels;
  std::string column = "tensor<?x1xf32>", ids = "tensor<?xi32>";
  for (int64_t width : {1, 16, 33, 200})
    for (const char *scale : {"0.1", "40.0"}) {
      std::string x = matrix(width), name = number(width) + "_" + scale[0];
      std::string arguments = "%z: " + x + " {test.scale = " + scale + " : f64}, %t: " + ids +
                              " {test.values = array<i32: 0, -1, 15, 32, 200, 100, -300, 1>}";
      kernels.push_back(makeKernel("first_" + name, 8, arguments,
                                   "%0, %1 = nyala.log_sum_exp %z at %t : " + x + ", " + ids +
                                       " -> " + column + ", " + column,
                                   "%0, %1", column + ", " + column));
      kernels.push_back(
          makeKernel("next_" + name, 64,
                     arguments + ", %s: " + column + " {test.scale = 30.0 : f64}, %l: " + column,
                     "%0, %1 = nyala.log_sum_exp %z at %t after %s, %l : " + x + ", " + ids + ", " +
                         column + ", " + column + " -> " + column + ", " + column,
                     "%1, %0", column + ", " + column));
    }
  checkKernels(kernels);
}

TEST_P(GradientKernelTest, Logits) {
  std::vector<KernelText> kernels;
  std::string column = "tensor<?x1xf32>", ids = "tensor<?xi32>";
  for (int64_t width : {1, 16, 33, 200}) {
    std::string x = matrix(width);
    kernels.push_back(makeKernel(
        "logits_" + number(width), width == 33 ? 64 : 8,
        "%d: " + column + ", %z: " + x + ", %s: " + column + " {test.mean = 4.0 : f64}, %t: " +
            ids + " {test.values = array<i32: 0, -1, 15, 32, 200, 100, -300, 1>}",
        "%0 = nyala.logits_gradient %d, %z, %s at %t : " + column + ", " + x + ", " + ids, "%0",
        x));
  }
  checkKernels(kernels);
}

// Whatever is no number anywhere must be seen in the loss.
TEST_P(GradientKernelTest, WhatIsNoNumberStaysNone) {
  std::string x = matrix(40), column = "tensor<?x1xf32>";
  auto compiled =
      CompiledKernels::compile({makeKernel("sum", 8, "%z: " + x + ", %t: tensor<?xi32>",
                                           "%0, %1 = nyala.log_sum_exp %z at %t : " + x +
                                               ", tensor<?xi32> -> " + column + ", " + column,
                                           "%0", column)},
                               GetParam());
  ASSERT_TRUE(compiled);
  for (float bad : {NAN, -NAN, INFINITY})
    for (int64_t place : {0, 17, 39}) {
      std::vector<Operand> operands = compiled->makeOperands("sum", 1, 0);
      std::memcpy(operands[0].bytes.data() + 4 * place, &bad, 4);
      float sum;
      std::memcpy(&sum, compiled->run("sum", operands, 1)[0].data(), 4);
      EXPECT_TRUE(std::isnan(sum)) << bad << " at " << place << " gives " << sum;
    }
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

constexpr char kScalars[] = ", %r: tensor<1x1xf32> {test.mean = 0.01 : f64, test.scale = 0.0 : f64}"
                            ", %s: tensor<1x1xf32> {test.mean = 0.7 : f64, test.scale = 0.0 : f64}";

static KernelText makeAdamW(const std::string &name, int64_t rows, const std::string &type) {
  return makeKernel(
      name, rows,
      "%w: " + type + ", %m: " + type + ", %v: " + type +
          " {test.mean = 4.0 : f64, test.scale = 0.5 : f64}, %g: " + type + kScalars +
          ", %c1: tensor<1x1xf32> {test.mean = 0.1 : f64, test.scale = 0.0 : f64}, %c2: "
          "tensor<1x1xf32> {test.mean = 0.05 : f64, test.scale = 0.0 : f64}",
      "%0, %1, %2 = nyala.adamw %w, %m, %v, %g rate %r scale %s corrections %c1, %c2 {beta1 = 0.9 "
      ": "
      "f32, beta2 = 0.95 : f32, epsilon = 1.0e-8 : f32, weight_decay = 0.1 : f32} : " +
          type,
      "%0, %1, %2", type + ", " + type + ", " + type);
}

static KernelText makeSgd(const std::string &name, int64_t rows, const std::string &type) {
  return makeKernel(
      name, rows, "%w: " + type + ", %v: " + type + ", %g: " + type + kScalars,
      "%0, %1 = nyala.sgd %w, %v, %g rate %r scale %s {momentum = 0.9 : f32, weight_decay = 0.1 : "
      "f32} : " +
          type,
      "%0, %1", type + ", " + type);
}

TEST_P(GradientKernelTest, Optimizers) {
  std::vector<KernelText> kernels;
  for (auto [rows, width] : {std::pair(1, 7), {5, 33}, {64, 64}}) {
    kernels.push_back(makeAdamW("adamw_" + number(width), rows, matrix(rows, width)));
    kernels.push_back(makeSgd("sgd_" + number(width), rows, matrix(rows, width)));
  }
  checkKernels(kernels);
}

// A gradient that is no number makes a scale that is none: nothing changes.
TEST_P(GradientKernelTest, ScalesThatAreNotFinite) {
  auto compiled = CompiledKernels::compile(
      {makeAdamW("adamw", 3, matrix(3, 20)), makeSgd("sgd", 3, matrix(3, 20))}, GetParam());
  ASSERT_TRUE(compiled);
  for (float scale : {NAN, INFINITY, -INFINITY})
    for (auto [name, results, scaleNumber] : {std::tuple("adamw", 3, 5), {"sgd", 2, 4}}) {
      std::vector<Operand> operands = compiled->makeOperands(name, 3, 1);
      std::memcpy(operands[scaleNumber].bytes.data(), &scale, sizeof(scale));
      operands[results].bytes.assign(operands[results].bytes.size(), 0xff); // no number either
      std::vector<Bytes> updated = compiled->run(name, operands, 3);
      for (int i = 0; i < results; ++i)
        EXPECT_EQ(updated[i], operands[i].bytes) << name << " with " << scale;
    }
}

//===----------------------------------------------------------------------===//
// Results in arguments' buffers; ids
//===----------------------------------------------------------------------===//

TEST_P(GradientKernelTest, TiedResults) {
  std::string x = matrix(5, 37), three = x + ", " + x + ", " + x;
  KernelText swapped =
      makeKernel("swapped", 5, "%s: " + x + ", %t: " + x,
                 "%0 = arith.addf %s, %t : " + x + "\n%1 = arith.subf %s, %t : " + x +
                     "\n%2 = arith.mulf %0, %1 : " + x,
                 "%0, %1, %2", three);
  swapped.text.replace(swapped.text.find("-> (" + three), 4 + three.size(),
                       "-> (" + x + " {nyala.tied = 1 : i64}, " + x + " {nyala.tied = 0 : i64}, " +
                           x);
  checkKernels({swapped});
}

// Beside vectors, which the instructions are checked for.
TEST_P(GradientKernelTest, ShiftedIds) {
  std::string ids = "tensor<?xi32>", x = matrix(20);
  checkKernels({makeKernel("twice", 64, "%t: " + ids + " {test.below = 5000 : i64}, %x: " + x,
                           "%0 = arith.addi %t, %t : " + ids + "\n%1 = arith.mulf %x, %x : " + x,
                           "%0, %1", ids + ", " + x, 1e-7),
                makeKernel("range", 37, "%t: tensor<37xi32> {test.below = 5000 : i64}",
                           "%c = arith.constant dense<4096> : tensor<37xi32>\n%0 = arith.subi %t, "
                           "%c : tensor<37xi32>",
                           "%0", "tensor<37xi32>", 0)});
}

NYALA_INSTANTIATE_CPU_KERNEL_TEST(GradientKernelTest);

} // namespace
