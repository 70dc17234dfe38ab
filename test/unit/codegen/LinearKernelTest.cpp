//===- LinearKernelTest.cpp - Products and look-ups in packed weights -----===//
#include "ir/storage/StoredFormat.h"
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>

using namespace nyala;
using namespace nyala::test;

namespace {

class LinearKernelTest : public KernelTest {
protected:
  static KernelText makeLinear(const std::string &format, int64_t width, int64_t depth,
                               int64_t maxRows, bool bias) {
    std::string n = std::to_string(width), k = std::to_string(depth);
    std::string x = "tensor<?x" + k + "xf32>", y = "tensor<?x" + n + "xf32>";
    std::string w = "tensor<" + n + "x" + k + "xf32, #nyala.packed<" + format + ">>";
    std::string b = "tensor<" + n + "xf32>";
    return makeKernel("linear_" + n + "x" + k + "_" + std::to_string(maxRows) +
                          (bias ? "_bias" : ""),
                      maxRows, "%x: " + x + ", %w: " + w + (bias ? ", %b: " + b : ""),
                      "%0 = nyala.linear %x, %w" + std::string(bias ? " bias %b" : "") + " : " + x +
                          ", " + w + (bias ? ", " + b : "") + " -> " + y,
                      "%0", y, 1e-6 * std::sqrt(static_cast<double>(depth)));
  }

  /// Two diagonals of widths by depths by rows, others for each format.
  void checkFormat(const std::string &format) {
    int64_t widths[] = {1, 16, 32, 33, 48, 64, 576};
    int64_t rows[] = {1, 4, 8, 9, 128};
    size_t block = getInfo(*parseStoredFormat(format)).blockValues;
    std::vector<int64_t> depths = block == 1    ? std::vector<int64_t>{7, 32, 33, 64, 576}
                                  : block == 32 ? std::vector<int64_t>{32, 64, 576}
                                                : std::vector<int64_t>{256, 512, 768};
    int64_t shift = format.size() + format.back();
    std::vector<KernelText> kernels;
    for (int64_t i = 0; i < 10; ++i)
      kernels.push_back(makeLinear(format, widths[i % 7],
                                   depths[(i + i / 7 + shift) % depths.size()],
                                   rows[(2 * i + i / 7 + shift) % 5], i % 2 == shift % 2));
    checkKernels(kernels);
  }
};

TEST_P(LinearKernelTest, F32) { checkFormat("f32"); }
TEST_P(LinearKernelTest, F16) { checkFormat("f16"); }
TEST_P(LinearKernelTest, BF16) { checkFormat("bf16"); }
TEST_P(LinearKernelTest, Q4_0) { checkFormat("q4_0"); }
TEST_P(LinearKernelTest, Q4_1) { checkFormat("q4_1"); }
TEST_P(LinearKernelTest, Q5_0) { checkFormat("q5_0"); }
TEST_P(LinearKernelTest, Q5_1) { checkFormat("q5_1"); }
TEST_P(LinearKernelTest, Q8_0) { checkFormat("q8_0"); }
TEST_P(LinearKernelTest, Q4_K) { checkFormat("q4_k"); }
TEST_P(LinearKernelTest, Q5_K) { checkFormat("q5_k"); }
TEST_P(LinearKernelTest, Q6_K) { checkFormat("q6_k"); }

NYALA_INSTANTIATE_KERNEL_TEST(LinearKernelTest);

} // namespace
