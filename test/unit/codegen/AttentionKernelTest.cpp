//===- AttentionKernelTest.cpp - Attention over caches --------------------===//
#include "ir/Contract.h"
#include "test/unit/codegen/Instructions.h"
#include "test/unit/codegen/KernelHarness.h"

using namespace nyala;
using namespace nyala::test;

namespace {

struct Shape {
  std::string name;
  int64_t heads, kvHeads, keyDim, valueDim, sequences, slots, maxRows;
  const char *window; ///< "" or ", window = N"
  std::string positions;
  std::string cacheType = "f32"; ///< with its encoding
};

class AttentionKernelTest : public KernelTest {
protected:
  static std::string number(int64_t value) { return std::to_string(value); }

  static KernelText makeAttention(const Shape &shape) {
    return makeAttention(shape, "attention", shape.name, shape.heads * shape.valueDim);
  }

  /// Columns of a row of parts.
  static int64_t getPartColumns(const Shape &shape) {
    return shape.heads * ((shape.slots + 255) / 256) * (shape.valueDim + 2);
  }

  static KernelText makeParts(const Shape &shape) {
    return makeAttention(shape, "attention_parts", shape.name + "_parts", getPartColumns(shape));
  }

  static KernelText makeMerge(const Shape &shape) {
    std::string x = "tensor<?x" + number(getPartColumns(shape)) + "xf32>";
    std::string y = "tensor<?x" + number(shape.heads * shape.valueDim) + "xf32>";
    return makeKernel(shape.name + "_merge", shape.maxRows,
                      "%x: " + x +
                          ", %p: tensor<?xi32> {test.values = array<i32: " + shape.positions + ">}",
                      "%0 = nyala.merge_attention %x at %p {heads = " + number(shape.heads) +
                          " : i64, mask = #nyala.mask<causal" + shape.window + ">} : " + x +
                          ", tensor<?xi32> -> " + y,
                      "%0", y);
  }

  /// Positions of a prompt that begins at `first`.
  static std::string follow(int64_t first) {
    std::string positions = number(first);
    for (int64_t i = 1; i < 128; ++i)
      positions += ", " + number(first + i);
    return positions;
  }

private:
  static KernelText makeAttention(const Shape &shape, const std::string &op, std::string name,
                                  int64_t columns) {
    auto cache = [&](int64_t dim) {
      return "tensor<" + number(shape.sequences) + "x" + number(shape.slots) + "x" +
             number(shape.kvHeads * dim) + "x" + shape.cacheType + ">";
    };
    std::string q = "tensor<?x" + number(shape.heads * shape.keyDim) + "xf32>";
    std::string y = "tensor<?x" + number(columns) + "xf32>";
    std::string k = cache(shape.keyDim), v = cache(shape.valueDim);
    KernelText text =
        makeKernel(std::move(name), shape.maxRows,
                   "%q: " + q + ", %k: " + k + ", %v: " + v +
                       ", %p: tensor<?xi32> {test.values = array<i32: " + shape.positions +
                       ">}, %s: tensor<?xi32> {test.below = " + number(shape.sequences) + " : i64}",
                   "%0 = nyala." + op + " %q, %k, %v at %p in %s {heads = " + number(shape.heads) +
                       " : i64, kv_heads = " + number(shape.kvHeads) +
                       " : i64, scale = 0.35 : f32, mask = #nyala.mask<causal" + shape.window +
                       ">} : " + q + ", " + k + ", " + v + ", tensor<?xi32>, tensor<?xi32> -> " + y,
                   "%0", y, shape.maxRows > kContractRows ? 4e-6 : 2e-6);
    // GPUs read 16 bytes of a head, or a block. Of a prompt they multiply what f16 holds.
    bool isF32 = shape.cacheType == "f32";
    int64_t unit = llvm::StringRef(shape.cacheType).contains("blocks") ? 32 : 8;
    text.onGpus = shape.keyDim % unit == 0 && shape.valueDim % unit == 0;
    if (shape.maxRows > kContractRows && !isF32)
      text.gpuTolerance = 5e-3;
    return text;
  }
};

/// In steps that CPUs alone have.
class AttentionPartsTest : public AttentionKernelTest {};

// Parts of positions begin at multiples of 256: around their borders, and over two of them.
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

// In two steps: what is merged from the parts has the bits of attention in one step, whatever the
// division of work items, and whatever parts hold that a row has no positions in.
TEST_P(AttentionPartsTest, Parts) {
  constexpr char kSeveral[] = "0, 255, 256, 700, 999, 511, 512, 300";
  for (Shape shape :
       {Shape{"halves", 6, 2, 64, 64, 2, 1000, 8, "", kSeveral, "f16"},
        Shape{"odd_dims", 5, 1, 20, 7, 3, 1000, 8, ", window = 300", kSeveral},
        Shape{"blocks", 2, 2, 32, 64, 1, 1000, 8, "", kSeveral, "f32, #nyala.blocks<q8_0>"}}) {
    SCOPED_TRACE(shape.name);
    KernelText whole = makeAttention(shape), parts = makeParts(shape), merge = makeMerge(shape);
    auto compiled = CompiledKernels::compile({whole, parts, merge}, GetParam());
    ASSERT_TRUE(compiled);
    for (int64_t rows : {1, 3, 8}) {
      std::vector<Operand> operands = compiled->makeOperands(whole.name, rows, /*seed=*/rows);
      std::vector<Operand> merged = compiled->makeOperands(merge.name, rows, /*seed=*/rows);
      int64_t items = compiled->getItems(parts.name, rows);
      for (int64_t each : {items, items / 2, (items + 2) / 3, int64_t(1)}) {
        std::vector<std::pair<int64_t, int64_t>> ranges;
        for (int64_t begin = 0; begin < items; begin += each)
          ranges.insert(ranges.begin(), {begin, std::min(begin + each, items)});
        merged[0].bytes = compiled->run(parts.name, operands, rows, ranges).front();
        EXPECT_EQ(compiled->run(merge.name, merged, rows),
                  compiled->run(whole.name, operands, rows))
            << rows << " rows, " << each << " items at a time";
      }
    }
  }
}

// Calls of more than 64 rows: by blocks where rows follow each other, else by rows.
TEST_P(AttentionKernelTest, Prompts) {
  checkKernels({
      makeAttention({"first", 6, 2, 64, 64, 1, 300, 100, "", follow(0)}),
      makeAttention({"later", 5, 1, 20, 7, 1, 400, 97, "", follow(200), "f16"}),
      makeAttention({"window", 2, 2, 16, 40, 1, 300, 128, ", window = 37", follow(99)}),
      makeAttention(
          {"blocks", 2, 1, 32, 64, 1, 300, 96, "", follow(50), "f32, #nyala.blocks<q8_0>"}),
      makeAttention({"sequences", 2, 1, 16, 16, 2, 300, 96, "", follow(50)}),
      makeAttention({"halves", 4, 2, 64, 64, 1, 400, 100, "", follow(180), "f16"}),
      makeAttention({"halves_apart", 5, 1, 32, 48, 2, 300, 80, ", window = 99", kBorders, "f16"}),
  });
}

NYALA_INSTANTIATE_KERNEL_TEST(AttentionKernelTest);
NYALA_INSTANTIATE_CPU_KERNEL_TEST(AttentionPartsTest);

/// Prompts whose products are of bf16, with the instruction that `opcode` is.
class Bf16AttentionTest : public AttentionKernelTest {
protected:
  static void checkPrompts(const char *cpu, llvm::StringRef opcode) {
    std::vector<KernelText> kernels = {
        makeAttention({"gqa", 6, 2, 64, 64, 1, 300, 100, "", follow(0), "f16"}),
        makeAttention({"odd_dims", 5, 1, 20, 7, 1, 400, 97, "", follow(201), "f16"}),
        makeAttention({"window", 2, 2, 16, 40, 1, 300, 128, ", window = 37", follow(99), "f16"}),
        makeAttention({"wide", 5, 1, 80, 96, 1, 400, 128, ", window = 200", follow(250), "f16"}),
        makeAttention(
            {"blocks", 2, 1, 32, 64, 1, 300, 96, "", follow(50), "f32, #nyala.blocks<q8_0>"}),
    };
    auto compiled = CompiledKernels::compile(kernels, cpu);
    ASSERT_TRUE(compiled);
    EXPECT_TRUE(findInstructions(compiled->getImage()).usesOpcode(opcode));
    for (KernelText &kernel : kernels) {
      kernel.tolerance = 0.02; // a factor of bf16 has 8 bits
      compiled->check(kernel, kernel.maxRows, /*seed=*/1);
      kernel.tolerance = 2e-6; // few rows are computed in f32
      compiled->check(kernel, 64, /*seed=*/2);
    }
    // Caches of f32 are those of --arithmetic=f32.
    auto exact = CompiledKernels::compile(
        {makeAttention({"exact", 6, 2, 64, 64, 1, 300, 100, "", follow(0)})}, cpu);
    ASSERT_TRUE(exact);
    EXPECT_FALSE(findInstructions(exact->getImage()).usesOpcode(opcode));
  }
};

TEST_P(Bf16AttentionTest, Prompts) {
  std::string cpu = GetParam();
  checkPrompts(GetParam(), cpu == "sapphirerapids" ? "TDPBF16PS" : "VDPBF16PS");
}

INSTANTIATE_TEST_SUITE_P(Cpus, Bf16AttentionTest, ::testing::Values("znver4", "sapphirerapids"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
