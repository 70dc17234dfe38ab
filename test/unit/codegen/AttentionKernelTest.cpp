//===- AttentionKernelTest.cpp - Attention over caches --------------------===//
#include "test/unit/codegen/KernelHarness.h"

using namespace nyala;
using namespace nyala::test;

namespace {

struct Shape {
  std::string name;
  int64_t heads, kvHeads, keyDim, valueDim, sequences, slots, maxRows;
  const char *window; ///< "" or ", window = N"
  const char *positions;
  std::string cacheType = "f32"; ///< with its encoding
};

class AttentionKernelTest : public KernelTest {
protected:
  static KernelText makeAttention(const Shape &shape) {
    auto number = [](int64_t value) { return std::to_string(value); };
    auto cache = [&](int64_t dim) {
      return "tensor<" + number(shape.sequences) + "x" + number(shape.slots) + "x" +
             number(shape.kvHeads * dim) + "x" + shape.cacheType + ">";
    };
    std::string q = "tensor<?x" + number(shape.heads * shape.keyDim) + "xf32>";
    std::string y = "tensor<?x" + number(shape.heads * shape.valueDim) + "xf32>";
    std::string k = cache(shape.keyDim), v = cache(shape.valueDim);
    return makeKernel(
        shape.name, shape.maxRows,
        "%q: " + q + ", %k: " + k + ", %v: " + v +
            ", %p: tensor<?xi32> {test.values = array<i32: " + shape.positions +
            ">}, %s: tensor<?xi32> {test.below = " + number(shape.sequences) + " : i64}",
        "%0 = nyala.attention %q, %k, %v at %p in %s {heads = " + number(shape.heads) +
            " : i64, kv_heads = " + number(shape.kvHeads) +
            " : i64, scale = 0.35 : f32, mask = #nyala.mask<causal" + shape.window + ">} : " + q +
            ", " + k + ", " + v + ", tensor<?xi32>, tensor<?xi32> -> " + y,
        "%0", y, 2e-6);
  }
};

// Blocks of positions begin at multiples of 128: around their borders, and over several of them.
constexpr char kBorders[] = "0, 127, 128, 129, 255, 256, 257, 299, 1, 16, 63";

TEST_P(AttentionKernelTest, Heads) {
  checkKernels({
      makeAttention({"mha", 4, 4, 16, 16, 1, 300, 8, "", kBorders}),
      makeAttention({"gqa", 6, 2, 32, 32, 2, 300, 8, "", kBorders}),
      makeAttention({"mqa", 5, 1, 64, 64, 1, 300, 128, "", kBorders}),
      makeAttention({"value_dim_less", 4, 2, 32, 16, 2, 300, 4, "", kBorders}),
      makeAttention({"value_dim_more", 3, 3, 8, 48, 1, 300, 9, "", kBorders}),
      makeAttention({"odd_dims", 6, 3, 20, 7, 3, 300, 8, "", kBorders}),
      makeAttention({"dims_of_one", 2, 1, 1, 1, 1, 300, 8, "", kBorders}),
      makeAttention({"one_row", 3, 1, 24, 33, 1, 5, 1, "", "4"}),
  });
}

TEST_P(AttentionKernelTest, Windows) {
  checkKernels({
      makeAttention({"one", 2, 2, 16, 16, 1, 300, 8, ", window = 1", kBorders}),
      makeAttention({"short", 4, 2, 16, 16, 2, 300, 8, ", window = 37", kBorders}),
      makeAttention({"block", 4, 2, 20, 20, 1, 300, 128, ", window = 128", kBorders}),
      makeAttention({"long", 4, 1, 16, 16, 1, 300, 8, ", window = 200", kBorders}),
      makeAttention({"beyond", 2, 2, 16, 16, 1, 300, 8, ", window = 1000", kBorders}),
  });
}

TEST_P(AttentionKernelTest, CachesOfHalves) {
  checkKernels({
      makeAttention({"whole_vectors", 6, 2, 64, 64, 2, 300, 8, "", kBorders, "f16"}),
      makeAttention({"odd_dims", 6, 3, 20, 7, 3, 300, 8, "", kBorders, "f16"}),
      makeAttention({"windowed", 4, 1, 32, 32, 1, 300, 128, ", window = 37", kBorders, "f16"}),
  });
}

// Heads of half a block, of a block, of one and a half, of two; keys and values of different
// widths.
TEST_P(AttentionKernelTest, CachesInBlocks) {
  std::vector<KernelText> kernels;
  for (std::string format : {"q8_0", "q4_0"}) {
    auto add = [&](Shape shape) {
      shape.name = format + "_" + shape.name;
      shape.cacheType = "f32, #nyala.blocks<" + format + ">";
      kernels.push_back(makeAttention(shape));
    };
    add({"two_blocks", 6, 2, 64, 64, 2, 300, 8, "", kBorders});
    add({"block", 4, 1, 32, 32, 1, 300, 128, ", window = 37", kBorders});
    add({"half_block", 4, 2, 16, 16, 2, 300, 8, "", kBorders});
    add({"one_and_a_half", 4, 2, 48, 16, 1, 300, 3, "", kBorders});
  }
  checkKernels(kernels);
}

NYALA_INSTANTIATE_KERNEL_TEST(AttentionKernelTest);

} // namespace
