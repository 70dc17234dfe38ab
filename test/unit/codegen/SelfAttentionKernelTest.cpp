//===- SelfAttentionKernelTest.cpp - Attention among the rows of a batch --===//
#include "test/unit/codegen/KernelHarness.h"

using namespace nyala;
using namespace nyala::test;

namespace {

struct Shape {
  std::string name;
  int64_t sequences, length, heads, kvHeads, keyDim, valueDim;
  const char *window = ""; ///< or ", window = N"
};

class SelfAttentionKernelTest : public KernelTest {
protected:
  static std::string matrix(const Shape &shape, int64_t width) {
    return "tensor<" + std::to_string(shape.sequences * shape.length) + "x" +
           std::to_string(width) + "xf32>";
  }

  static std::string attributes(const Shape &shape) {
    return " {heads = " + std::to_string(shape.heads) +
           " : i64, kv_heads = " + std::to_string(shape.kvHeads) +
           " : i64, scale = 0.35 : f32, length = " + std::to_string(shape.length) +
           " : i64, mask = #nyala.mask<causal" + shape.window + ">} : ";
  }

  static KernelText makeForward(const Shape &shape) {
    std::string q = matrix(shape, shape.heads * shape.keyDim),
                k = matrix(shape, shape.kvHeads * shape.keyDim),
                v = matrix(shape, shape.kvHeads * shape.valueDim),
                y = matrix(shape, shape.heads * shape.valueDim), l = matrix(shape, shape.heads);
    return makeKernel(shape.name, shape.sequences * shape.length,
                      "%q: " + q + ", %k: " + k + ", %v: " + v,
                      "%0, %1 = nyala.self_attention %q, %k, %v" + attributes(shape) + q + ", " +
                          k + ", " + v + " -> " + y + ", " + l,
                      "%0, %1", y + ", " + l, 4e-6);
  }

  /// Of operands that no forward pass relates, but for a log_sum_exp that leaves probabilities
  /// small.
  static KernelText makeGradient(const Shape &shape) {
    std::string q = matrix(shape, shape.heads * shape.keyDim),
                k = matrix(shape, shape.kvHeads * shape.keyDim),
                v = matrix(shape, shape.kvHeads * shape.valueDim),
                y = matrix(shape, shape.heads * shape.valueDim), l = matrix(shape, shape.heads);
    return makeKernel(shape.name, shape.sequences * shape.length,
                      "%d: " + y + ", %q: " + q + ", %k: " + k + ", %v: " + v + ", %y: " + y +
                          ", %l: " + l + " {test.mean = 6.0 : f64}",
                      "%0, %1, %2 = nyala.self_attention_gradient %d, %q, %k, %v, %y, %l" +
                          attributes(shape) + q + ", " + k + ", " + v + ", " + y + ", " + l,
                      "%0, %1, %2", q + ", " + k + ", " + v, 1e-5);
  }

  /// Lengths of several blocks, of parts of one and of one row; heads of few and odd channels.
  static std::vector<Shape> shapes() {
    return {
        {"whole_blocks", 1, 128, 2, 1, 64, 64},
        {"short", 3, 5, 2, 1, 8, 24},
        {"one_row", 2, 1, 3, 3, 16, 16},
        {"part_of_a_block", 1, 77, 3, 1, 24, 8},
        {"odd_dims", 1, 67, 2, 2, 20, 7},
        {"wide", 1, 40, 1, 1, 80, 50},
        {"dims_of_one", 1, 19, 2, 1, 1, 1},
        {"window_of_one", 1, 70, 2, 1, 16, 16, ", window = 1"},
        {"short_window", 2, 150, 2, 1, 16, 8, ", window = 13"},
        {"window_of_a_block", 1, 200, 1, 1, 32, 16, ", window = 64"},
        {"long_window", 1, 70, 1, 1, 16, 16, ", window = 1000"},
    };
  }
};

TEST_P(SelfAttentionKernelTest, Forward) {
  std::vector<KernelText> kernels;
  for (const Shape &shape : shapes())
    kernels.push_back(makeForward(shape));
  checkKernels(kernels);
}

TEST_P(SelfAttentionKernelTest, Gradient) {
  std::vector<KernelText> kernels;
  for (const Shape &shape : shapes())
    kernels.push_back(makeGradient(shape));
  checkKernels(kernels);
}

NYALA_INSTANTIATE_CPU_KERNEL_TEST(SelfAttentionKernelTest);

} // namespace
