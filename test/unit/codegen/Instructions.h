//===- Instructions.h - What machine code uses ------------------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_CODEGEN_INSTRUCTIONS_H
#define NYALA_TEST_UNIT_CODEGEN_INSTRUCTIONS_H

#include "codegen/cpu/ObjectCompiler.h"

#include <set>

namespace nyala::test {

/// What the instructions that an image's kernels can reach are made of.
struct InstructionUse {
  size_t instructions = 0;
  std::set<std::string> registers; ///< LLVM's names: "XMM0", "ZMM31", "K1"
  std::set<std::string> opcodes;   ///< LLVM's names: "VFMADD231PSZr"
  std::string obstacle;            ///< an address that is no instruction, a call, or ""

  bool usesRegister(llvm::StringRef prefix) const;
  bool usesOpcode(llvm::StringRef part) const;
};

/// Follows the jumps from all entries.
InstructionUse findInstructions(const CodeImage &image);

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_CODEGEN_INSTRUCTIONS_H
