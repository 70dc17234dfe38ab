//===- CpuFeaturesTest.cpp ------------------------------------------------===//

#include "runtime/devices/cpu/CpuFeatures.h"

#include <gtest/gtest.h>

using namespace nyala::rt;
using Answer = CpuFeatures::Answer;

namespace {

/// A processor with AVX2, AVX-512F and AMX, and an operating system that can switch XSAVE on.
CpuFeatures::Registers describe(uint32_t leaf, uint32_t subleaf) {
  switch (leaf) {
  case 0:
    return {7, 0, 0, 0};
  case 1:
    return {0, 0, 1u << 28 | 1u << 27 | 1u << 20 | 1u << 12, 1u << 26};
  case 7:
    // Its highest subleaf is 0: the rest must not be read.
    return subleaf == 0 ? CpuFeatures::Registers{0, 1u << 16 | 1u << 5, 0, 1u << 24}
                        : CpuFeatures::Registers{~0u, ~0u, ~0u, ~0u};
  case 0x80000000:
    return {0x80000001, 0, 0, 0};
  case 0x80000001:
    return {0, 0, 1u << 5, 1u << 29};
  default:
    return {~0u, ~0u, ~0u, ~0u};
  }
}

TEST(CpuFeatures, NeedOperatingSystem) {
  const CpuFeatures none(describe, 0), avx(describe, 0x7), avx512(describe, 0xE7),
      all(describe, 0x600E7);
  EXPECT_EQ(none.query("sse2"), Answer::Present);
  EXPECT_EQ(none.query("lzcnt"), Answer::Present);
  EXPECT_EQ(none.query("avx2"), Answer::Missing);
  EXPECT_EQ(avx.query("avx2"), Answer::Present);
  EXPECT_EQ(avx.query("avx512f"), Answer::Missing);
  EXPECT_EQ(avx512.query("avx512f"), Answer::Present);
  EXPECT_EQ(avx512.query("amx-tile"), Answer::Missing);
  EXPECT_EQ(all.query("amx-tile"), Answer::Present);
}

TEST(CpuFeatures, IgnoreLeavesThatDoNotExist) {
  const CpuFeatures all(describe, ~uint64_t{0});
  EXPECT_EQ(all.query("avxvnni"), Answer::Missing);
  EXPECT_EQ(all.query("xsaves"), Answer::Missing);
  EXPECT_EQ(all.query("clzero"), Answer::Missing);
}

TEST(CpuFeatures, UnknownNames) {
  EXPECT_EQ(CpuFeatures::host().query("avx10.9-unreal"), Answer::Unknown);
  EXPECT_EQ(CpuFeatures::host().query(""), Answer::Unknown);
  EXPECT_EQ(CpuFeatures::host().query("AVX2"), Answer::Unknown);
}

#define EXPECT_AS_COMPILER(ours, theirs)                                                           \
  EXPECT_EQ(CpuFeatures::host().query(ours) == Answer::Present, !!__builtin_cpu_supports(theirs))  \
      << ours

TEST(CpuFeatures, HostAgreesWithCompiler) {
  EXPECT_AS_COMPILER("sse3", "sse3");
  EXPECT_AS_COMPILER("sse4.2", "sse4.2");
  EXPECT_AS_COMPILER("popcnt", "popcnt");
  EXPECT_AS_COMPILER("avx", "avx");
  EXPECT_AS_COMPILER("avx2", "avx2");
  EXPECT_AS_COMPILER("fma", "fma");
  EXPECT_AS_COMPILER("bmi", "bmi");
  EXPECT_AS_COMPILER("bmi2", "bmi2");
  EXPECT_AS_COMPILER("avx512f", "avx512f");
  EXPECT_AS_COMPILER("avx512bw", "avx512bw");
  EXPECT_AS_COMPILER("avx512cd", "avx512cd");
  EXPECT_AS_COMPILER("avx512dq", "avx512dq");
  EXPECT_AS_COMPILER("avx512vl", "avx512vl");
  EXPECT_AS_COMPILER("avx512vnni", "avx512vnni");
  EXPECT_AS_COMPILER("avx512vbmi", "avx512vbmi");
  EXPECT_AS_COMPILER("avx512vbmi2", "avx512vbmi2");
  EXPECT_AS_COMPILER("avx512bitalg", "avx512bitalg");
  EXPECT_AS_COMPILER("avx512vpopcntdq", "avx512vpopcntdq");
  EXPECT_AS_COMPILER("avx512ifma", "avx512ifma");
  EXPECT_AS_COMPILER("avx512bf16", "avx512bf16");
  EXPECT_AS_COMPILER("gfni", "gfni");
  EXPECT_AS_COMPILER("vpclmulqdq", "vpclmulqdq");
}

} // namespace
