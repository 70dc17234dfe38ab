//===- NoDisassembler.cpp - For builds without LLVM -----------------------===//

#include "runtime/core/Status.h"
#include "tools/nyala-inspect/Disassembler.h"

namespace nyala::inspect {

std::string disassembleX86(std::span<const std::byte>, const CodeSymbol &,
                           const std::vector<CodeSymbol> &) {
  throw rt::Failure(NYALA_UNSUPPORTED,
                    "this nyala-inspect was built without LLVM and cannot disassemble; use one of "
                    "a full build, or cut the code out of the artifact (docs/artifact-format.md) "
                    "and use objdump");
}

} // namespace nyala::inspect
