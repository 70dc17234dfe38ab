//===- CpuFeatures.h - What this processor can execute ----------*- C++ -*-===//
//
// Answers whether code that uses an instruction set extension, named as LLVM
// names its target features, runs on this machine: the processor has it
// (CPUID) and the operating system saves its registers (XGETBV).
// Source: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_DEVICES_CPU_CPUFEATURES_H
#define NYALA_RUNTIME_DEVICES_CPU_CPUFEATURES_H

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

namespace nyala::rt {

class CpuFeatures {
public:
  enum class Answer { Present, Missing, Unknown };

  struct Registers {
    uint32_t eax, ebx, ecx, edx;
  };
  /// The CPUID instruction.
  using Cpuid = std::function<Registers(uint32_t leaf, uint32_t subleaf)>;

  /// Of the machine this runs on.
  static const CpuFeatures &host();

  /// Of a described machine; `xcr0` is XGETBV's register 0 (ignored if CPUID says there is none).
  CpuFeatures(const Cpuid &cpuid, uint64_t xcr0);

  /// `feature` in LLVM's spelling: "avx2", "sse4.1", "amx-int8".
  Answer query(std::string_view feature) const;

private:
  std::array<Registers, 9> leaves; ///< the leaves that features are in; zero if there is none
  uint64_t savedStates = 0;
};

/// Asks the operating system for the tile registers, for this process and for good. Linux lets no
/// program use them before. False if it refuses.
bool requestAmx();

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_CPU_CPUFEATURES_H
