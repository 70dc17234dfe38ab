//===- EmbeddingKernelTest.cpp - Look-ups in packed tables ----------------===//
#include "ir/storage/StoredFormat.h"
#include "test/unit/codegen/KernelHarness.h"

using namespace nyala;
using namespace nyala::test;

namespace {

class EmbeddingKernelTest : public KernelTest {};

// Rows of the first and of the last, padded group; all lanes of a group.
TEST_P(EmbeddingKernelTest, AllFormats) {
  std::vector<KernelText> kernels;
  for (std::string format :
       {"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k"}) {
    const StoredFormatInfo &info = getInfo(*parseStoredFormat(format));
    for (int64_t width : {7, 32, 33, 96, 512}) {
      if (width % info.blockValues != 0 || (width == 512 && info.blockValues <= 32))
        continue;
      std::string columns = std::to_string(width);
      std::string table = "tensor<37x" + columns + "xf32, #nyala.packed<" + format + ">>";
      std::string y = "tensor<?x" + columns + "xf32>";
      // Plain floats exactly; of blocks, the product may be fused with the sum.
      kernels.push_back(makeKernel(
          format + "_" + columns, width == 96 || width == 512 ? 40 : 8,
          "%t: tensor<?xi32> {test.values = array<i32: 36, 0, 17, 31, 1, 35, 15, 16, 33, 7, 22, 9, "
          "3, 2, 4, 5, 6, 8, 10, 11, 12, 13, 14, 18, 19, 20, 21, 23>}, %w: " +
              table,
          "%0 = nyala.embedding %t, %w : tensor<?xi32>, " + table + " -> " + y, "%0", y,
          info.hasMinimum ? 1.2e-7 : 0));
    }
  }
  checkKernels(kernels);
}

NYALA_INSTANTIATE_KERNEL_TEST(EmbeddingKernelTest);

} // namespace
