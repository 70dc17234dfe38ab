//===- Disassembly.cpp - Kernels as machine code in text ------------------===//

#include "tools/nyala-inspect/Disassembly.h"
#include "runtime/core/Status.h"
#include "tools/nyala-inspect/Disassembler.h"
#include "tools/nyala-inspect/Facts.h"

#include <cstring>
#include <elf.h>

namespace nyala::inspect {

/// Whether an image is an ELF file of x86-64.
static bool isX86(std::span<const std::byte> image) {
  Elf64_Ehdr header;
  if (image.size() < sizeof(header))
    return false;
  std::memcpy(&header, image.data(), sizeof(header));
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_machine == EM_X86_64;
}

static std::vector<CodeSymbol> getSymbols(const artifact::Executable &executable) {
  std::vector<CodeSymbol> symbols;
  for (const artifact::Kernel *kernel : *executable.kernels())
    symbols.push_back({kernel->name()->str(), kernel->entry(), kernel->size()});
  return symbols;
}

static std::string disassemble(const rt::Artifact &artifact, const artifact::Executable &executable,
                               const std::string &kernel, bool &found) {
  const std::string arch = executable.arch()->str();
  const std::vector<CodeSymbol> symbols = getSymbols(executable);
  std::string text;
  rt::Mapping image;
  for (const CodeSymbol &symbol : symbols) {
    if (!kernel.empty() && kernel != symbol.name)
      continue;
    found = true;
    if (image.size() == 0)
      image = rt::Mapping::ofFile(artifact.getFile(), executable.offset(), executable.size(),
                                  rt::Mapping::Access::Read);
    if (executable.target() != artifact::Target::Cpu || !isX86(image.bytes()))
      throw rt::Failure(NYALA_UNSUPPORTED, "the code for '" + arch + "' has the format '" +
                                               executable.format()->str() +
                                               "', expected an elf file of x86-64; "
                                               "disassemble it with the tools of its target");
    if (symbol.size == 0)
      throw rt::Failure(NYALA_UNSUPPORTED, "'" + artifact.getPath() +
                                               "' does not say where kernel '" + symbol.name +
                                               "' ends; compile the model again");
    text += "kernel " + symbol.name + ": " + getName(executable.target()) + " " + arch + ", " +
            std::to_string(symbol.size) + " bytes\n" +
            disassembleX86(image.bytes(), symbol, symbols);
  }
  return text;
}

std::string reportMachineCode(const rt::Artifact &artifact, const std::string &kernel) {
  std::string text;
  bool found = false;
  for (const artifact::Executable *executable : *artifact.program().executables())
    text += disassemble(artifact, *executable, kernel, found);
  if (!found && !kernel.empty())
    throw rt::Failure(NYALA_NOT_FOUND, "'" + artifact.getPath() + "' has no kernel '" + kernel +
                                           "'; --kernels lists those that it has");
  return text;
}

} // namespace nyala::inspect
