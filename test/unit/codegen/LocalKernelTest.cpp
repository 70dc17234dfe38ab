//===- LocalKernelTest.cpp - Kernels that work column by column -----------===//
#include "test/unit/codegen/KernelHarness.h"

#include "llvm/ADT/StringExtras.h"

#include <bit>
#include <cmath>
#include <cstring>

using namespace nyala;
using namespace nyala::test;

namespace {

class LocalKernelTest : public KernelTest {
protected:
  static std::string matrix(int64_t width) { return "tensor<?x" + std::to_string(width) + "xf32>"; }
};

/// Bit by bit.
class BordersTest : public KernelTest {};

TEST_P(LocalKernelTest, Activations) {
  std::vector<KernelText> kernels;
  for (const char *kind : {"silu", "gelu", "gelu_tanh", "relu"})
    for (int64_t width : {5, 96, 33})
      for (const char *scale : {"1.0", "40.0"}) {
        std::string name = kind + std::string("_") + std::to_string(width) + "_" + scale[0];
        std::string x = matrix(width),
                    attribute = " {test.scale = " + std::string(scale) + " : f64}";
        kernels.push_back(makeKernel(name, 8, "%x: " + x + attribute,
                                     "%0 = nyala.activation " + std::string(kind) + " %x : " + x,
                                     "%0", x));
        if (width == 33)
          kernels.push_back(makeKernel(
              "gated_" + name, 128, "%x: " + x + attribute + ", %y: " + x,
              "%0 = nyala.gated_activation " + std::string(kind) + " %x, %y : " + x, "%0", x));
      }
  checkKernels(kernels);
}

TEST_P(LocalKernelTest, SplitsAtAnyColumn) {
  checkKernels({
      makeKernel("thirds", 8, "%x: tensor<?x33xf32>",
                 "%a, %b, %c = nyala.split %x : tensor<?x33xf32> -> tensor<?x5xf32>, "
                 "tensor<?x17xf32>, tensor<?x11xf32>",
                 "%c, %a, %b", "tensor<?x11xf32>, tensor<?x5xf32>, tensor<?x17xf32>", 0),
      makeKernel("one_of_two", 128, "%x: tensor<?x50xf32>",
                 "%a, %b = nyala.split %x : tensor<?x50xf32> -> tensor<?x1xf32>, tensor<?x49xf32>",
                 "%b", "tensor<?x49xf32>", 0),
      makeKernel(
          "part_of_part", 8, "%x: tensor<?x70xf32>",
          "%a, %b = nyala.split %x : tensor<?x70xf32> -> tensor<?x30xf32>, tensor<?x40xf32>\n"
          "%c, %d = nyala.split %b : tensor<?x40xf32> -> tensor<?x3xf32>, tensor<?x37xf32>\n"
          "%s = arith.addf %d, %d : tensor<?x37xf32>",
          "%s, %a", "tensor<?x37xf32>, tensor<?x30xf32>", 0),
  });
}

TEST_P(LocalKernelTest, Gather) {
  checkKernels({
      makeKernel(
          "rows", 8,
          "%x: tensor<?x37xf32> {test.rows = 11 : i64}, %i: tensor<?xi32> {test.below = 11 : i64}",
          "%0 = nyala.gather %x, %i : tensor<?x37xf32>, tensor<?xi32> -> tensor<?x37xf32>", "%0",
          "tensor<?x37xf32>", 0),
      makeKernel("computed_rows", 128,
                 "%x: tensor<?x16xf32> {test.rows = 3 : i64}, %i: tensor<?xi32> {test.values = "
                 "array<i32: 2, 2, 0>}",
                 "%s = nyala.activation silu %x : tensor<?x16xf32>\n"
                 "%0 = nyala.gather %s, %i : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>",
                 "%0", "tensor<?x16xf32>"),
      makeKernel("ids", 1,
                 "%x: tensor<?xi32> {test.rows = 11 : i64, test.below = 1000 : i64}, "
                 "%i: tensor<?xi32> {test.values = array<i32: 9>}",
                 "%0 = nyala.gather %x, %i : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>", "%0",
                 "tensor<?xi32>", 0),
      makeKernel("positions_of_gathered_rows", 8,
                 "%p: tensor<?xi32> {test.rows = 11 : i64, test.below = 1000 : i64}, "
                 "%i: tensor<?xi32> {test.below = 11 : i64}",
                 "%q = nyala.gather %p, %i : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>\n"
                 "%0 = nyala.rope_table %q {dims = 16, base = 1.0e4} : tensor<?xi32> -> "
                 "tensor<?x16xf32>",
                 "%0", "tensor<?x16xf32>"),
  });
}

TEST_P(LocalKernelTest, Elementwise) {
  std::string x = "tensor<?x45xf32>", fixed = "tensor<4x45xf32>";
  checkKernels({
      makeKernel("chain", 8, "%x: " + x + ", %y: " + x + ", %z: " + x,
                 "%a = arith.addf %x, %y : " + x + "\n%b = arith.mulf %a, %z : " + x +
                     "\n%c = arith.subf %b, %x : " + x + "\n%d = arith.negf %c : " + x +
                     "\n%e = arith.maximumf %d, %a : " + x + "\n%0 = arith.mulf %e, %e : " + x,
                 "%0, %a", x + ", " + x),
      makeKernel("constants", 4, "%x: " + fixed,
                 "%two = arith.constant dense<2.0> : " + fixed +
                     "\n%three = arith.constant dense<3.0> : " + fixed +
                     "\n%a = arith.mulf %x, %two : " + fixed +
                     "\n%0 = arith.subf %three, %a : " + fixed,
                 "%0", fixed),
      makeKernel("operand_returned", 8, "%x: " + x, "", "%x", x, 0),
  });
}

//===----------------------------------------------------------------------===//
// Rotary position embedding
//===----------------------------------------------------------------------===//

TEST_P(LocalKernelTest, RopeTable) {
  auto makeTable = [](const std::string &name, int64_t dims, const std::string &parameters,
                      const std::string &positions, double tolerance) {
    std::string result = matrix(dims);
    return makeKernel(name, 16, "%p: tensor<?xi32> {test.values = array<i32: " + positions + ">}",
                      "%0 = nyala.rope_table %p {dims = " + std::to_string(dims) + " : i64, " +
                          parameters + "} : tensor<?xi32> -> " + result,
                      "%0", result, tolerance);
  };
  std::string positions = "0, 1, 2, 3, 100, 1023, 4096, 8191, 32767, 100003, 131071, 1048575";
  // The magnitude of a row is about 1. The angles themselves are exact in f64.
  checkKernels({
      makeTable("d64", 64, "base = 1.0e5 : f64", positions, 1.5e-7),
      makeTable("d2", 2, "base = 1.0e4 : f64", positions, 1.5e-7),
      makeTable("d34", 34, "base = 1.0e4 : f64", positions, 1.5e-7),
      makeTable("d20_scaled", 20, "base = 5.0e5 : f64, scale = 0.125 : f64", positions, 1.5e-7),
      makeTable("d6_factors", 6, "base = 5.0e5 : f64, factors = array<f32: 1.0, 3.5, 8.0>",
                positions, 1.5e-7),
      makeTable("d16_far", 16, "base = 1.0e4 : f64", "2147483647, 2147483000, 1000000007", 1e-6),
  });
}

TEST_P(LocalKernelTest, Rotate) {
  std::vector<KernelText> kernels;
  struct Shape {
    int64_t heads, headDim, dims;
  };
  for (Shape shape : {Shape{3, 64, 64},
                      {2, 32, 16},
                      {1, 16, 16},
                      {3, 6, 6},
                      {2, 20, 4},
                      {2, 48, 20},
                      {1, 7, 6},
                      {4, 2, 2}})
    for (const char *pairing : {"adjacent", "half"}) {
      std::string x = matrix(shape.heads * shape.headDim), t = matrix(shape.dims);
      KernelText text =
          makeKernel(std::string(pairing) + std::to_string(shape.heads) + "x" +
                         std::to_string(shape.headDim) + "_" + std::to_string(shape.dims),
                     8, "%x: " + x + ", %t: " + t,
                     "%0 = nyala.rotate " + std::string(pairing) + " %x by %t {heads = " +
                         std::to_string(shape.heads) + " : i64} : " + x + ", " + t,
                     "%0", x);
      // A thread of a GPU has whole pairs.
      text.onGpus = pairing[0] == 'h' || shape.headDim % 2 == 0;
      kernels.push_back(text);
    }
  // Of computed rows and angles.
  kernels.push_back(makeKernel(
      "computed", 9, "%x: tensor<?x40xf32>, %p: tensor<?xi32> {test.below = 5000 : i64}",
      "%t = nyala.rope_table %p {dims = 10 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> "
      "tensor<?x10xf32>\n%a, %b = nyala.split %x : tensor<?x40xf32> -> tensor<?x20xf32>, "
      "tensor<?x20xf32>\n%s = nyala.activation silu %b : tensor<?x20xf32>\n"
      "%0 = nyala.rotate half %s by %t {heads = 2 : i64} : tensor<?x20xf32>, tensor<?x10xf32>\n"
      "%1 = nyala.rotate adjacent %a by %t {heads = 2 : i64} : tensor<?x20xf32>, tensor<?x10xf32>",
      "%1, %0", "tensor<?x20xf32>, tensor<?x20xf32>"));
  checkKernels(kernels);
}

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

// Slots that no row names keep their bits; rows of negative slots are not written.
TEST_P(LocalKernelTest, CacheAppend) {
  std::vector<KernelText> kernels;
  for (int64_t width : {1, 16, 33, 64}) {
    std::string x = matrix(width), cache = "tensor<3x11x" + std::to_string(width) + "xf32>";
    for (int64_t maxRows : {1, 9})
      kernels.push_back(makeKernel(
          "append" + std::to_string(width) + "_" + std::to_string(maxRows), maxRows,
          "%c: " + cache + ", %x: " + x +
              ", %s: tensor<?xi32> {test.values = array<i32: 4, -1, 0, 10, -7, 1, 5, 9, 2>}, "
              "%q: tensor<?xi32> {test.values = array<i32: 2, 0, 1, 2, 1>}",
          "%0 = nyala.cache_append %c, %x at %s in %q : " + cache + ", " + x +
              ", tensor<?xi32>, tensor<?xi32>",
          "%0", cache, 0));
  }
  kernels.push_back(makeKernel(
      "append_and_return", 5,
      "%c: tensor<1x8x24xf32>, %x: tensor<?x24xf32>, %s: tensor<?xi32> {test.values = array<i32: "
      "7, 3, -2, 0, 5>}, %q: tensor<?xi32>",
      "%v = nyala.activation silu %x : tensor<?x24xf32>\n"
      "%0 = nyala.cache_append %c, %v at %s in %q : tensor<1x8x24xf32>, tensor<?x24xf32>, "
      "tensor<?xi32>, tensor<?xi32>",
      "%v, %0", "tensor<?x24xf32>, tensor<1x8x24xf32>"));
  checkKernels(kernels);
}

/// Appends rows of f32 to a cache of halves.
static KernelText makeHalfAppend(const std::string &name, int64_t width, const std::string &scale,
                                 const std::string &values = "") {
  std::string x = "tensor<?x" + std::to_string(width) + "xf32>",
              cache = "tensor<1x11x" + std::to_string(width) + "xf16>";
  return makeKernel(name, 9,
                    "%c: " + cache + ", %x: " + x + " {test.scale = " + scale + " : f64" + values +
                        "}, %s: tensor<?xi32> {test.values = array<i32: 4, -1, 0, 10, 2, 1, "
                        "5, 9, 3>}, %q: tensor<?xi32>",
                    "%0 = nyala.cache_append %c, %x at %s in %q : " + cache + ", " + x +
                        ", tensor<?xi32>, tensor<?xi32>",
                    "%0", cache, 0);
}

TEST_P(LocalKernelTest, CacheOfHalves) {
  checkKernels({makeHalfAppend("normal", 48, "1.0"), makeHalfAppend("odd_width", 21, "1.0"),
                makeHalfAppend("large", 16, "9000.0"), makeHalfAppend("subnormal", 16, "1.0e-6")});
}

/// Ties, the borders of subnormal and infinite halves, and what is no number.
constexpr float kHalves[16] = {65519.9F, 65520.0F, -65536.0F,  3.0e38F, 0x1p-14F, 0x1.ffcp-15F,
                               0x1p-24F, 0x1p-25F, 0x1.8p-25F, -0.0F,   1.0F / 3, 1.0009765625F,
                               2.00293F, INFINITY, -INFINITY,  NAN};

TEST_P(BordersTest, Halves) {
  auto compiled = CompiledKernels::compile({makeHalfAppend("append", 16, "1.0")}, GetParam());
  ASSERT_TRUE(compiled);
  std::vector<Operand> operands = compiled->makeOperands("append", 1, 0);
  std::memcpy(operands[1].bytes.data(), kHalves, sizeof(kHalves));
  Bytes cache = compiled->run("append", operands, 1).front();
  for (size_t i = 0; i < std::size(kHalves); ++i) {
    uint16_t half; // row 0 goes to slot 4
    std::memcpy(&half, cache.data() + 2 * (4 * 16 + i), sizeof(half));
    EXPECT_EQ(half, floatToHalf(kHalves[i])) << kHalves[i];
  }
}

/// Appends rows of f32 to a cache in blocks.
static KernelText makeBlockAppend(const std::string &format, int64_t width,
                                  const std::string &scale, const std::string &values = "") {
  std::string x = "tensor<?x" + std::to_string(width) + "xf32>",
              cache =
                  "tensor<2x11x" + std::to_string(width) + "xf32, #nyala.blocks<" + format + ">>";
  std::string name = format + "_" + std::to_string(width);
  return makeKernel(name, 9,
                    "%c: " + cache + ", %x: " + x + " {test.scale = " + scale + " : f64" + values +
                        "}, %s: tensor<?xi32> {test.values = array<i32: 4, -1, 0, 10, 2, 1, "
                        "5, 9, 3>}, %q: tensor<?xi32> {test.below = 2 : i64}",
                    "%0 = nyala.cache_append %c, %x at %s in %q : " + cache + ", " + x +
                        ", tensor<?xi32>, tensor<?xi32>",
                    "%0", cache, 0);
}

// The very values that the interpreter rounds to; scales that are normal halves, and not.
TEST_P(LocalKernelTest, CacheInBlocks) {
  std::vector<KernelText> kernels;
  for (const char *format : {"q8_0", "q4_0"})
    for (auto [width, scale] :
         {std::pair(192, "1.0"), {32, "9.0e7"}, {64, "1.0e-5"}, {96, "1.0e-9"}})
      kernels.push_back(makeBlockAppend(format, width, scale));
  // Of rows that need memory first; a value near a tie may be rounded otherwise in f64.
  std::string cache = "tensor<1x8x64xf32, #nyala.blocks<q8_0>>";
  kernels.push_back(makeKernel(
      "rotated", 8,
      "%c: " + cache +
          ", %x: tensor<?x64xf32>, %t: tensor<?x32xf32>, %s: tensor<?xi32> {test.values = "
          "array<i32: 7, 3, -2, 0, 5, 6, 1, 2>}, %q: tensor<?xi32>",
      "%r = nyala.rotate half %x by %t {heads = 2 : i64} : tensor<?x64xf32>, tensor<?x32xf32>\n"
      "%0 = nyala.cache_append %c, %r at %s in %q : " +
          cache + ", tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>",
      "%0", cache, 1e-2));
  checkKernels(kernels);
}

/// Ties, signs, zeros, numbers too large for the scale, and what is no number.
std::vector<std::vector<float>> makeBorderBlocks() {
  std::vector<std::vector<float>> blocks(6, std::vector<float>(32, 0));
  for (int i = 0; i < 32; ++i) {
    blocks[0][i] =
        0.5F * static_cast<float>(i) - 8.0F; // of q4_0: multiples and halves of a scale of 1
    blocks[1][i] = 4.0F * static_cast<float>(i) + 3.0F; // of q8_0: the largest is 127
    blocks[2][i] = i % 2 ? 3.0F : -3.0F;                // as large on both sides
  }
  blocks[1][7] = -126.5F;
  blocks[3] = std::vector<float>(32, -0.0F);
  blocks[4][3] = 3.0e38F;
  blocks[4][4] = -1.0e7F;
  blocks[5][0] = NAN;
  blocks[5][1] = -2.0F;
  blocks[5][31] = -NAN;
  return blocks;
}

TEST_P(BordersTest, Blocks) {
  std::vector<std::vector<float>> blocks = makeBorderBlocks();
  for (StoredFormat format : {StoredFormat::Q8_0, StoredFormat::Q4_0}) {
    KernelText text = makeBlockAppend(std::string(getInfo(format).name), 192, "1.0");
    auto compiled = CompiledKernels::compile({text}, GetParam());
    ASSERT_TRUE(compiled);
    std::vector<Operand> operands = compiled->makeOperands(text.name, 1, 0);
    for (size_t b = 0; b < blocks.size(); ++b)
      std::memcpy(operands[1].bytes.data() + 128 * b, blocks[b].data(), 128);
    operands[3].bytes.assign(4, 0); // the first sequence
    SlotLayout layout(format, 192);
    Bytes expected(layout.getSlotBytes()), cache = compiled->run(text.name, operands, 1).front();
    layout.store(reinterpret_cast<const float *>(operands[1].bytes.data()), expected.data());
    size_t begin = 4 * expected.size(); // row 0 goes to slot 4
    EXPECT_EQ(Bytes(cache.begin() + begin, cache.begin() + begin + expected.size()), expected);
  }
}

/// The bits of floats, as attributes of operands have them.
std::string getBits(llvm::ArrayRef<float> values) {
  std::string text;
  for (float value : values)
    text += (text.empty() ? "0x" : ", 0x") + llvm::utohexstr(std::bit_cast<uint32_t>(value));
  return text;
}

// The same by value, on GPUs as well.
TEST_P(LocalKernelTest, AppendsAtTheBorders) {
  std::vector<KernelText> kernels = {
      makeHalfAppend("halves", 16, "1.0", ", test.floats = array<f32: " + getBits(kHalves) + ">")};
  std::vector<float> values;
  for (const std::vector<float> &block : makeBorderBlocks())
    values.insert(values.end(), block.begin(), block.end());
  for (const char *format : {"q8_0", "q4_0"})
    kernels.push_back(
        makeBlockAppend(format, 192, "1.0", ", test.floats = array<f32: " + getBits(values) + ">"));
  checkKernels(kernels);
}

NYALA_INSTANTIATE_KERNEL_TEST(LocalKernelTest);
NYALA_INSTANTIATE_CPU_KERNEL_TEST(BordersTest);

} // namespace
