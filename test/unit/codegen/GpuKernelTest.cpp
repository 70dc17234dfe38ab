//===- GpuKernelTest.cpp - Kernels that GPUs alone have -------------------===//
#include "ir/storage/StoredFormat.h"
#include "test/unit/codegen/KernelHarness.h"

#include <cmath>

using namespace nyala;
using namespace nyala::test;

namespace {

class GpuKernelTest : public KernelTest {
protected:
  static std::string matrix(int64_t width, const std::string &element = "f32") {
    return "tensor<?x" + std::to_string(width) + "x" + element + ">";
  }
  static std::string weight(int64_t width, int64_t depth) {
    return "tensor<" + std::to_string(width) + "x" + std::to_string(depth) + "xbf16>";
  }
  static std::string linear(const std::string &result, const std::string &x, int64_t width,
                            int64_t depth) {
    return result + " = nyala.linear " + x + ", %w : " + matrix(depth, "bf16") + ", " +
           weight(width, depth) + " -> " + matrix(width) + "\n";
  }
  static std::string round(const std::string &result, const std::string &x, int64_t width) {
    return result + " = arith.truncf " + x + " : " + matrix(width) + " to " +
           matrix(width, "bf16") + "\n";
  }
  static double getTolerance(int64_t depth) { return 1e-6 * std::sqrt(static_cast<double>(depth)); }
  static std::string suffix(int64_t maxRows) { return "_" + std::to_string(maxRows); }

  /// A product and a residual. Factors are stored.
  static KernelText makeProduct(int64_t width, int64_t depth, int64_t maxRows) {
    return makeKernel(
        "product_" + std::to_string(width) + "x" + std::to_string(depth) + suffix(maxRows), maxRows,
        "%x: " + matrix(depth, "bf16") + ", %w: " + weight(width, depth) + ", %r: " + matrix(width),
        linear("%l", "%x", width, depth) + "%0 = arith.addf %r, %l : " + matrix(width), "%0",
        matrix(width), getTolerance(depth));
  }

  /// Gate and up of a rounded sum, with a norm in between where calls have few rows. The
  /// interpreter rounds nothing.
  static KernelText makeGate(int64_t width, int64_t depth, int64_t maxRows, bool norm) {
    std::string n = matrix(width), k = matrix(depth), half = matrix(width / 2);
    return makeKernel(
        (norm ? "normed_gate_" : "gate_") + std::to_string(width) + "x" + std::to_string(depth) +
            suffix(maxRows),
        maxRows,
        "%x: " + k + ", %g: tensor<" + std::to_string(depth) + "xf32>, %w: " + weight(width, depth),
        (norm ? "%n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : " + k + ", tensor<" +
                    std::to_string(depth) + "xf32>\n" + round("%t", "%n", depth)
              : round("%t", "%x", depth)) +
            linear("%l", "%t", width, depth) + "%a, %b = nyala.split %l : " + n + " -> " + half +
            ", " + half + "\n%0 = nyala.gated_activation silu %a, %b : " + half,
        "%0", half, /*tolerance=*/1e-2);
  }

  /// Query, key and value, rotated and appended to caches of halves: rows go to slots of their own.
  static KernelText makeProjection(int64_t maxRows) {
    std::string x = matrix(96, "bf16"), cache = "tensor<2x400x32xf16>", ids = "tensor<?xi32>";
    std::string slots;
    for (int64_t i = 0; i < maxRows; ++i)
      slots += (i ? ", " : "") + std::to_string(i % 7 == 5 ? -1 : 399 - i);
    return makeKernel(
        "projection" + suffix(maxRows), maxRows,
        "%x: " + x + ", %w: " + weight(128, 96) + ", %t: " + matrix(32) + ", %k: " + cache +
            ", %v: " + cache + ", %s: " + ids + " {test.values = array<i32: " + slots +
            ">}, %q: " + ids + " {test.below = 2 : i64}",
        linear("%l", "%x", 128, 96) +
            "%a, %b, %c = nyala.split %l : tensor<?x128xf32> -> tensor<?x64xf32>, "
            "tensor<?x32xf32>, tensor<?x32xf32>\n"
            "%0 = nyala.rotate adjacent %a by %t {heads = 2 : i64} : tensor<?x64xf32>, "
            "tensor<?x32xf32>\n"
            "%r = nyala.rotate adjacent %b by %t {heads = 1 : i64} : tensor<?x32xf32>, "
            "tensor<?x32xf32>\n"
            "%1 = nyala.cache_append %k, %r at %s in %q : " +
            cache + ", tensor<?x32xf32>, " + ids + ", " + ids +
            "\n%2 = nyala.cache_append %v, %c at %s in %q : " + cache + ", tensor<?x32xf32>, " +
            ids + ", " + ids,
        "%0, %1, %2", "tensor<?x64xf32>, " + cache + ", " + cache, /*tolerance=*/1e-3);
  }
};

// Of one row, of as many as an instruction multiplies, of more; widths that are no whole tiles,
// depths of one step, of as many as there are warps, of more.
TEST_P(GpuKernelTest, ProductsOfFewRows) {
  std::vector<KernelText> kernels;
  for (auto [width, depth] : {std::pair(64, 32), {96, 256}, {16, 1536}, {200, 576}, {33, 96}})
    for (int64_t maxRows : {1, 8, 64})
      kernels.push_back(makeProduct(width, depth, maxRows));
  for (int64_t maxRows : {1, 9, 64}) {
    kernels.push_back(makeGate(96, 64, maxRows, /*norm=*/true));
    kernels.push_back(makeGate(256, 576, maxRows, /*norm=*/true));
    kernels.push_back(makeProjection(maxRows));
  }
  checkKernels(kernels);
}

TEST_P(GpuKernelTest, ProductsOfPrompts) {
  checkKernels({makeProduct(128, 64, 128), makeProduct(64, 32, 100), makeProduct(200, 96, 300),
                makeProduct(576, 1536, 130), makeProduct(33, 64, 129),
                makeGate(512, 96, 200, /*norm=*/false), makeGate(96, 128, 70, /*norm=*/false),
                makeProjection(150)});
}

// Weights in the layout of a GPU, from stored blocks or made up.
TEST_P(GpuKernelTest, Weights) {
  std::vector<KernelText> kernels;
  for (std::string format :
       {"f16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k"}) {
    std::string packed = "tensor<100x512xf32, #nyala.packed<" + format + ">>";
    bool hasMinimum = getInfo(*parseStoredFormat(format)).hasMinimum;
    kernels.push_back(makeKernel("unpack_" + format, 100, "%p: " + packed,
                                 "%0 = nyala.unpack %p : " + packed + " -> tensor<100x512xf32>",
                                 "%0", "tensor<100x512xf32>", hasMinimum ? 1.2e-7 : 0));
    kernels.push_back(
        makeKernel("round_" + format, 100, "%p: " + packed,
                   "%u = nyala.unpack %p : " + packed +
                       " -> tensor<100x512xf32>\n"
                       "%0 = arith.truncf %u : tensor<100x512xf32> to tensor<100x512xbf16>",
                   "%0", "tensor<100x512xbf16>", hasMinimum ? 4e-3 : 0));
  }
  for (std::string type : {"tensor<70x33xf32>", "tensor<100x64xbf16>", "tensor<96xf32>"})
    kernels.push_back(makeKernel(
        "random_" + std::to_string(kernels.size()), std::stoi(type.substr(7)), "",
        "%0 = nyala.random {deviation = 0.02 : f32, mean = 1.0 : f32, seed = 3 : i32} : " + type,
        "%0", type, 4e-3));
  checkKernels(kernels);
}

NYALA_INSTANTIATE_GPU_KERNEL_TEST(GpuKernelTest);

} // namespace
