//===- Disassembler.h - Machine code to text --------------------*- C++ -*-===//
//
// Disassembler.cpp does it with LLVM; builds without LLVM have
// NoDisassembler.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_DISASSEMBLER_H
#define NYALA_TOOLS_NYALA_INSPECT_DISASSEMBLER_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nyala::inspect {

/// A function in an image: its place in bytes from the image's start.
struct CodeSymbol {
  std::string name;
  uint64_t offset, size;
};

/// A line for each instruction of `function` with its offset in the image, in Intel's syntax.
/// Branches within it go to labels, those to other `symbols` to their names; what is addressed
/// relative to the instruction pointer is named in a comment. The function lies in the image.
/// Throws rt::Failure in builds without LLVM.
std::string disassembleX86(std::span<const std::byte> image, const CodeSymbol &function,
                           const std::vector<CodeSymbol> &symbols);

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_DISASSEMBLER_H
