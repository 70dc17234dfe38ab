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

static std::string disassembleElf(const rt::Artifact &artifact,
                                  const artifact::Executable &executable,
                                  std::span<const std::byte> image, const CodeSymbol &symbol) {
  const std::string arch = executable.arch()->str();
  if (!isX86(image))
    throw rt::Failure(NYALA_UNSUPPORTED, "the code for '" + arch + "' has the format '" +
                                             executable.format()->str() +
                                             "', expected an elf file of x86-64; "
                                             "disassemble it with the tools of its target");
  if (symbol.size == 0)
    throw rt::Failure(NYALA_UNSUPPORTED, "'" + artifact.getPath() +
                                             "' does not say where kernel '" + symbol.name +
                                             "' ends; compile the model again");
  return disassembleX86(image, symbol, getSymbols(executable));
}

/// What gets a cubin out of the artifact and shows it: that is NVIDIA's tools' alone.
static std::string explainCubin(const rt::Artifact &artifact,
                                const artifact::Executable &executable) {
  const std::string file = executable.arch()->str() + ".cubin";
  return "to see it, with a tool of CUDA's toolkit:\n  tail -c +" +
         std::to_string(executable.offset() + 1) + " " + artifact.getPath() + " | head -c " +
         std::to_string(executable.size()) + " > " + file + " && nvdisasm " + file + "\n";
}

static std::string disassemble(const rt::Artifact &artifact, const artifact::Executable &executable,
                               const std::string &kernel, bool &found) {
  std::string text;
  rt::Mapping image;
  for (const CodeSymbol &symbol : getSymbols(executable)) {
    if (!kernel.empty() && kernel != symbol.name)
      continue;
    found = true;
    if (image.size() == 0)
      image = rt::Mapping::ofFile(artifact.getFile(), executable.offset(), executable.size(),
                                  rt::Mapping::Access::Read);
    const std::string_view format = executable.format()->string_view();
    text += "kernel " + symbol.name + ": " + getName(executable.target()) + " " +
            executable.arch()->str() + (format == "elf" ? "" : ", " + std::string(format)) + ", " +
            std::to_string(symbol.size) + " bytes\n";
    if (format == "ptx")
      text +=
          std::string(reinterpret_cast<const char *>(image.data()) + symbol.offset, symbol.size);
    else if (format == "cubin")
      text += explainCubin(artifact, executable);
    else
      text += disassembleElf(artifact, executable, image.bytes(), symbol);
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
