//===- CpuFeatures.cpp - What this processor can execute ------------------===//

#include "runtime/devices/cpu/CpuFeatures.h"

#include <cpuid.h>
#include <iterator>
#include <sys/syscall.h>
#include <unistd.h>

namespace nyala::rt {
namespace {

enum Register : uint8_t { Eax, Ebx, Ecx, Edx };

/// Which state components of XCR0 an extension's registers are in.
enum State : uint32_t {
  None = 0,
  Ymm = 0x6,     // SSE and AVX
  Zmm = 0xE6,    // and opmask, upper halves, upper sixteen
  Tile = 0x60000 // TILECFG and TILEDATA
};

/// Index into `leafNumbers`.
enum Leaf : uint8_t { L1, L7, L7s1, LDs1, L14, L19, X1, X8, L1Es1 };
struct LeafNumber {
  uint32_t leaf, subleaf;
};
constexpr LeafNumber leafNumbers[] = {{0x1, 0},        {0x7, 0},        {0x7, 1},
                                      {0xD, 1},        {0x14, 0},       {0x19, 0},
                                      {0x80000001, 0}, {0x80000008, 0}, {0x1E, 1}};

struct Feature {
  std::string_view name;
  Leaf leaf;
  Register reg;
  uint8_t bit;
  State state = None;
};

constexpr Feature features[] = {
    // Baseline of x86-64.
    {"x87", L1, Edx, 0},
    {"cx8", L1, Edx, 8},
    {"cmov", L1, Edx, 15},
    {"mmx", L1, Edx, 23},
    {"fxsr", L1, Edx, 24},
    {"sse", L1, Edx, 25},
    {"sse2", L1, Edx, 26},
    {"64bit", X1, Edx, 29},
    // 128-bit vectors and scalars.
    {"sse3", L1, Ecx, 0},
    {"ssse3", L1, Ecx, 9},
    {"sse4.1", L1, Ecx, 19},
    {"sse4.2", L1, Ecx, 20},
    {"crc32", L1, Ecx, 20},
    {"sse4a", X1, Ecx, 6},
    {"pclmul", L1, Ecx, 1},
    {"aes", L1, Ecx, 25},
    {"sha", L7, Ebx, 29},
    {"gfni", L7, Ecx, 8},
    {"cx16", L1, Ecx, 13},
    {"sahf", X1, Ecx, 0},
    {"movbe", L1, Ecx, 22},
    {"popcnt", L1, Ecx, 23},
    {"lzcnt", X1, Ecx, 5},
    {"bmi", L7, Ebx, 3},
    {"bmi2", L7, Ebx, 8},
    {"adx", L7, Ebx, 19},
    {"tbm", X1, Ecx, 21},
    {"rdrnd", L1, Ecx, 30},
    {"rdseed", L7, Ebx, 18},
    {"rdpid", L7, Ecx, 22},
    {"rdpru", X8, Ebx, 4},
    {"fsgsbase", L7, Ebx, 0},
    // Caches, memory, system.
    {"prfchw", X1, Ecx, 8},
    {"prefetchi", L7s1, Edx, 14},
    {"clflushopt", L7, Ebx, 23},
    {"clwb", L7, Ebx, 24},
    {"clzero", X8, Ebx, 0},
    {"cldemote", L7, Ecx, 25},
    {"wbnoinvd", X8, Ebx, 9},
    {"movdiri", L7, Ecx, 27},
    {"movdir64b", L7, Ecx, 28},
    {"enqcmd", L7, Ecx, 29},
    {"invpcid", L7, Ebx, 10},
    {"rtm", L7, Ebx, 11},
    {"sgx", L7, Ebx, 2},
    {"pku", L7, Ecx, 4},
    {"kl", L7, Ecx, 23},
    {"widekl", L19, Ebx, 2},
    {"waitpkg", L7, Ecx, 5},
    {"shstk", L7, Ecx, 7},
    {"ptwrite", L14, Ebx, 4},
    {"mwaitx", X1, Ecx, 29},
    {"pconfig", L7, Edx, 18},
    {"uintr", L7, Edx, 5},
    {"serialize", L7, Edx, 14},
    {"tsxldtrk", L7, Edx, 16},
    {"hreset", L7s1, Eax, 22},
    {"raoint", L7s1, Eax, 3},
    {"cmpccxadd", L7s1, Eax, 7},
    {"usermsr", L7s1, Edx, 15},
    {"xsave", L1, Ecx, 26},
    {"xsaveopt", LDs1, Eax, 0},
    {"xsavec", LDs1, Eax, 1},
    {"xsaves", LDs1, Eax, 3},
    // 256-bit vectors.
    {"avx", L1, Ecx, 28, Ymm},
    {"avx2", L7, Ebx, 5, Ymm},
    {"fma", L1, Ecx, 12, Ymm},
    {"fma4", X1, Ecx, 16, Ymm},
    {"xop", X1, Ecx, 11, Ymm},
    {"f16c", L1, Ecx, 29, Ymm},
    {"vaes", L7, Ecx, 9, Ymm},
    {"vpclmulqdq", L7, Ecx, 10, Ymm},
    {"avxvnni", L7s1, Eax, 4, Ymm},
    {"avxifma", L7s1, Eax, 23, Ymm},
    {"avxvnniint8", L7s1, Edx, 4, Ymm},
    {"avxneconvert", L7s1, Edx, 5, Ymm},
    {"avxvnniint16", L7s1, Edx, 10, Ymm},
    {"sha512", L7s1, Eax, 0, Ymm},
    {"sm3", L7s1, Eax, 1, Ymm},
    {"sm4", L7s1, Eax, 2, Ymm},
    // 512-bit vectors.
    {"avx512f", L7, Ebx, 16, Zmm},
    {"avx512dq", L7, Ebx, 17, Zmm},
    {"avx512ifma", L7, Ebx, 21, Zmm},
    {"avx512cd", L7, Ebx, 28, Zmm},
    {"avx512bw", L7, Ebx, 30, Zmm},
    {"avx512vl", L7, Ebx, 31, Zmm},
    {"avx512vbmi", L7, Ecx, 1, Zmm},
    {"avx512vbmi2", L7, Ecx, 6, Zmm},
    {"avx512vnni", L7, Ecx, 11, Zmm},
    {"avx512bitalg", L7, Ecx, 12, Zmm},
    {"avx512vpopcntdq", L7, Ecx, 14, Zmm},
    {"avx512vp2intersect", L7, Edx, 8, Zmm},
    {"avx512fp16", L7, Edx, 23, Zmm},
    {"avx512bf16", L7s1, Eax, 5, Zmm},
    // Tiles.
    {"amx-bf16", L7, Edx, 22, Tile},
    {"amx-tile", L7, Edx, 24, Tile},
    {"amx-int8", L7, Edx, 25, Tile},
    {"amx-fp16", L7s1, Eax, 21, Tile},
    {"amx-complex", L7s1, Edx, 8, Tile},
    {"amx-fp8", L1Es1, Eax, 4, Tile},
    {"amx-tf32", L1Es1, Eax, 6, Tile},
    {"amx-avx512", L1Es1, Eax, 7, Tile},
};

uint64_t readXcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

bool hasXgetbv(const CpuFeatures::Registers &leaf1) { return leaf1.ecx >> 27 & 1; }

} // namespace

CpuFeatures::CpuFeatures(const Cpuid &cpuid, uint64_t xcr0) {
  static_assert(std::size(leafNumbers) == std::tuple_size_v<decltype(leaves)>);
  const uint32_t maxBasic = cpuid(0, 0).eax, maxExtended = cpuid(0x80000000, 0).eax;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const auto [leaf, subleaf] = leafNumbers[i];
    // A processor answers a leaf above its highest with the data of another leaf.
    bool exists = leaf <= (leaf & 0x80000000 ? maxExtended : maxBasic);
    // Leaf 7 names its highest subleaf.
    if (exists && leaf == 7)
      exists = subleaf <= cpuid(7, 0).eax;
    leaves[i] = exists ? cpuid(leaf, subleaf) : Registers{0, 0, 0, 0};
  }
  savedStates = hasXgetbv(leaves[L1]) ? xcr0 : 0;
}

const CpuFeatures &CpuFeatures::host() {
  static const CpuFeatures features = [] {
    const Cpuid cpuid = [](uint32_t leaf, uint32_t subleaf) {
      Registers r;
      __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
      return r;
    };
    return CpuFeatures(cpuid, hasXgetbv(cpuid(1, 0)) ? readXcr0() : 0);
  }();
  return features;
}

CpuFeatures::Answer CpuFeatures::query(std::string_view name) const {
  for (const Feature &feature : features) {
    if (feature.name != name)
      continue;
    const Registers &r = leaves[feature.leaf];
    const uint32_t values[] = {r.eax, r.ebx, r.ecx, r.edx};
    const bool present = values[feature.reg] >> feature.bit & 1;
    return present && (savedStates & feature.state) == feature.state ? Answer::Present
                                                                     : Answer::Missing;
  }
  return Answer::Unknown;
}

bool requestAmx() {
  // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA), Documentation/arch/x86/xstate.rst.
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}

} // namespace nyala::rt
