//===- QuantizedKernelTest.cpp - Integer products -------------------------===//
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>

using namespace nyala;
using namespace nyala::test;

namespace {

class QuantizedKernelTest : public KernelTest {
protected:
  /// Quantization inside the kernel, as decode has it: the product's operands are never stored.
  static KernelText makeProduct(const std::string &format, int64_t width, int64_t depth,
                                int64_t maxRows, bool bias) {
    std::string n = std::to_string(width), k = std::to_string(depth);
    std::string blocks = std::to_string(depth / 32), sums = std::to_string(depth / 16);
    std::string x = "tensor<?x" + k + "xf32>", y = "tensor<?x" + n + "xf32>";
    std::string quantized =
        "tensor<?x" + k + "xi8>, tensor<?x" + blocks + "xf32>, tensor<?x" + sums + "xi32>";
    std::string w = "tensor<" + n + "x" + k + "xf32, #nyala.packed<" + format + ">>";
    std::string b = "tensor<" + n + "xf32>";
    KernelText text = makeKernel(
        "product_" + n + "x" + k + "_" + std::to_string(maxRows) + (bias ? "_bias" : ""), maxRows,
        "%x: " + x + ", %w: " + w + (bias ? ", %b: " + b : ""),
        "%q, %s, %t = nyala.quantize %x : " + x + " -> " + quantized +
            "\n%0 = nyala.quantized_linear %q, %s, %t, %w" + std::string(bias ? " bias %b" : "") +
            " : " + quantized + ", " + w + (bias ? ", " + b : "") + " -> " + y,
        "%0", y, 1e-6 * std::sqrt(static_cast<double>(depth)));
    text.exactRows = true;
    return text;
  }

  void checkSuperBlocks(const std::string &format) {
    checkKernels({makeProduct(format, 33, 256, 1, true), makeProduct(format, 64, 768, 1, false),
                  makeProduct(format, 48, 512, 4, true), makeProduct(format, 16, 256, 8, false),
                  makeProduct(format, 96, 256, 64, false), makeProduct(format, 1, 512, 9, true)});
  }
  void checkFormat(const std::string &format) {
    checkKernels({makeProduct(format, 33, 32, 1, true), makeProduct(format, 64, 96, 1, false),
                  makeProduct(format, 48, 64, 4, true), makeProduct(format, 16, 576, 8, false),
                  makeProduct(format, 96, 64, 64, false), makeProduct(format, 1, 32, 9, true)});
  }
};

TEST_P(QuantizedKernelTest, Q4_0) { checkFormat("q4_0"); }
TEST_P(QuantizedKernelTest, Q4_1) { checkFormat("q4_1"); }
TEST_P(QuantizedKernelTest, Q5_0) { checkFormat("q5_0"); }
TEST_P(QuantizedKernelTest, Q5_1) { checkFormat("q5_1"); }
TEST_P(QuantizedKernelTest, Q8_0) { checkFormat("q8_0"); }
TEST_P(QuantizedKernelTest, Q4_K) { checkSuperBlocks("q4_k"); }
TEST_P(QuantizedKernelTest, Q5_K) { checkSuperBlocks("q5_k"); }
TEST_P(QuantizedKernelTest, Q6_K) { checkSuperBlocks("q6_k"); }

NYALA_INSTANTIATE_KERNEL_TEST(QuantizedKernelTest);

} // namespace
