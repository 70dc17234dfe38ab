//===- ImageLinker.cpp - A relocatable object becomes an image ------------===//
//
// Image: ELF header, program headers, sections of code and constants each at
// its alignment, then symbol table, string tables and section headers. All of
// it is position independent: only relocations relative to the place they patch
// are accepted.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/ObjectCompiler.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <map>

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;
using namespace llvm::object;

namespace {

/// Lays out one object.
class ImageLinker {
public:
  ImageLinker(const ELF64LEObjectFile &object, std::string &error) : object(object), error(error) {}

  FailureOr<CodeImage> link(ArrayRef<std::string> kernels) {
    image.format = "elf";
    image.bytes.resize(sizeof(llvm::ELF::Elf64_Ehdr) + 2 * sizeof(llvm::ELF::Elf64_Phdr));
    if (failed(placeSections()) || failed(relocate()))
      return failure();
    codeEnd = image.bytes.size();
    for (const std::string &name : kernels) {
      auto symbol = symbols.find(name);
      if (symbol == symbols.end())
        return fail("kernel '" + name + "' has no code");
      image.kernels.push_back({name, symbol->second.offset, symbol->second.size});
    }
    writeElf();
    return std::move(image);
  }

private:
  struct Symbol {
    uint64_t offset, size;
  };

  LogicalResult fail(const Twine &message) {
    error = message.str();
    return failure();
  }

  template <typename T> FailureOr<T> get(llvm::Expected<T> value) {
    if (value)
      return std::move(*value);
    return fail(llvm::toString(value.takeError()));
  }

  LogicalResult placeSections() {
    for (const ELFSectionRef section : object.sections()) {
      if (!(section.getFlags() & llvm::ELF::SHF_ALLOC) || section.getSize() == 0 ||
          section.getType() == llvm::ELF::SHT_X86_64_UNWIND)
        continue;
      FailureOr<StringRef> name = get(section.getName());
      FailureOr<StringRef> contents = get(section.getContents());
      if (failed(name) || failed(contents))
        return failure();
      if (section.getFlags() & llvm::ELF::SHF_WRITE)
        return fail("section '" + *name + "' is writable");
      uint64_t offset = llvm::alignTo(image.bytes.size(), section.getAlignment());
      image.bytes.resize(offset);
      image.bytes.append(contents->begin(), contents->end());
      offsets[section.getIndex()] = offset;
    }
    for (const ELFSymbolRef symbol : object.symbols()) {
      FailureOr<uint64_t> address = getAddress(symbol);
      FailureOr<StringRef> name = get(symbol.getName());
      if (succeeded(address) && succeeded(name))
        symbols[name->str()] = {*address, symbol.getSize()};
    }
    error.clear();
    return success();
  }

  /// Offset of a symbol in the image; fails if it is not in a section of it.
  FailureOr<uint64_t> getAddress(const ELFSymbolRef &symbol) {
    FailureOr<section_iterator> section = get(symbol.getSection());
    FailureOr<uint64_t> value = get(symbol.getValue());
    if (failed(section) || failed(value))
      return failure();
    auto offset =
        *section == object.section_end() ? offsets.end() : offsets.find((*section)->getIndex());
    if (offset == offsets.end()) {
      FailureOr<StringRef> name = get(symbol.getName());
      return fail("'" + (succeeded(name) ? *name : StringRef("?")) + "' is not defined in it");
    }
    return offset->second + *value;
  }

  LogicalResult relocate() {
    for (const ELFSectionRef section : object.sections()) {
      FailureOr<section_iterator> target = get(section.getRelocatedSection());
      if (failed(target))
        return failure();
      if (*target == object.section_end())
        continue;
      auto base = offsets.find((*target)->getIndex());
      if (base == offsets.end())
        continue;
      for (const ELFRelocationRef relocation : section.relocations())
        if (failed(apply(relocation, base->second)))
          return failure();
    }
    return success();
  }

  LogicalResult apply(const ELFRelocationRef &relocation, uint64_t base) {
    FailureOr<uint64_t> symbol = getAddress(*relocation.getSymbol());
    FailureOr<int64_t> addend = get(relocation.getAddend());
    if (failed(symbol) || failed(addend))
      return failure();
    uint64_t place = base + relocation.getOffset();
    int64_t value = static_cast<int64_t>(*symbol) + *addend - static_cast<int64_t>(place);
    switch (relocation.getType()) {
    case llvm::ELF::R_X86_64_PC32:
    case llvm::ELF::R_X86_64_PLT32:
      if (!llvm::isInt<32>(value))
        return fail("the code is larger than 2 GiB");
      llvm::support::endian::write32le(&image.bytes[place], static_cast<uint32_t>(value));
      return success();
    case llvm::ELF::R_X86_64_PC64:
      llvm::support::endian::write64le(&image.bytes[place], static_cast<uint64_t>(value));
      return success();
    default:
      return fail("relocation of type " + Twine(relocation.getType()) +
                  " is not relative to its place");
    }
  }

  //===--------------------------------------------------------------------===//
  // The ELF file around it
  //===--------------------------------------------------------------------===//

  template <typename T> uint64_t append(const T &value) {
    uint64_t offset = image.bytes.size();
    const char *bytes = reinterpret_cast<const char *>(&value);
    image.bytes.append(bytes, bytes + sizeof(T));
    return offset;
  }

  void writeElf() {
    uint64_t codeBegin = sizeof(llvm::ELF::Elf64_Ehdr) + 2 * sizeof(llvm::ELF::Elf64_Phdr);
    image.bytes.resize(llvm::alignTo(image.bytes.size(), 8));
    std::string strings(1, '\0');
    uint64_t symbolTable = image.bytes.size();
    append(llvm::ELF::Elf64_Sym{});
    for (const CodeImage::Kernel &kernel : image.kernels) {
      llvm::ELF::Elf64_Sym symbol{};
      symbol.st_name = strings.size();
      symbol.setBindingAndType(llvm::ELF::STB_GLOBAL, llvm::ELF::STT_FUNC);
      symbol.st_shndx = 1;
      symbol.st_value = kernel.entry;
      symbol.st_size = kernel.size;
      append(symbol);
      strings += kernel.name + '\0';
    }
    uint64_t symbolBytes = image.bytes.size() - symbolTable;
    uint64_t stringTable = image.bytes.size();
    image.bytes.append(strings.begin(), strings.end());
    static constexpr char names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
    uint64_t nameTable = image.bytes.size();
    image.bytes.append(std::begin(names), std::end(names));
    image.bytes.resize(llvm::alignTo(image.bytes.size(), 8));

    auto section = [](uint32_t name, uint32_t type, uint64_t offset, uint64_t size) {
      llvm::ELF::Elf64_Shdr header{};
      header.sh_name = name;
      header.sh_type = type;
      header.sh_offset = offset;
      header.sh_size = size;
      header.sh_addralign = 1;
      return header;
    };
    uint64_t sections = append(llvm::ELF::Elf64_Shdr{});
    auto text = section(1, llvm::ELF::SHT_PROGBITS, codeBegin, codeEnd - codeBegin);
    text.sh_flags = llvm::ELF::SHF_ALLOC | llvm::ELF::SHF_EXECINSTR;
    text.sh_addr = codeBegin;
    append(text);
    auto symbolSection = section(7, llvm::ELF::SHT_SYMTAB, symbolTable, symbolBytes);
    symbolSection.sh_link = 3;
    symbolSection.sh_info = 1;
    symbolSection.sh_entsize = sizeof(llvm::ELF::Elf64_Sym);
    append(symbolSection);
    append(section(15, llvm::ELF::SHT_STRTAB, stringTable, strings.size()));
    append(section(23, llvm::ELF::SHT_STRTAB, nameTable, sizeof(names)));

    llvm::ELF::Elf64_Ehdr header{};
    std::memcpy(header.e_ident, llvm::ELF::ElfMagic, 4);
    header.e_ident[llvm::ELF::EI_CLASS] = llvm::ELF::ELFCLASS64;
    header.e_ident[llvm::ELF::EI_DATA] = llvm::ELF::ELFDATA2LSB;
    header.e_ident[llvm::ELF::EI_VERSION] = llvm::ELF::EV_CURRENT;
    header.e_type = llvm::ELF::ET_DYN;
    header.e_machine = llvm::ELF::EM_X86_64;
    header.e_version = llvm::ELF::EV_CURRENT;
    header.e_phoff = sizeof(header);
    header.e_shoff = sections;
    header.e_ehsize = sizeof(header);
    header.e_phentsize = sizeof(llvm::ELF::Elf64_Phdr);
    header.e_phnum = 2;
    header.e_shentsize = sizeof(llvm::ELF::Elf64_Shdr);
    header.e_shnum = 5;
    header.e_shstrndx = 4;
    std::memcpy(image.bytes.data(), &header, sizeof(header));
    llvm::ELF::Elf64_Phdr load{};
    load.p_type = llvm::ELF::PT_LOAD;
    load.p_flags = llvm::ELF::PF_R | llvm::ELF::PF_X;
    load.p_filesz = load.p_memsz = codeEnd;
    load.p_align = 4096;
    std::memcpy(image.bytes.data() + sizeof(header), &load, sizeof(load));
    // No executable stack is asked for.
    llvm::ELF::Elf64_Phdr stack{};
    stack.p_type = llvm::ELF::PT_GNU_STACK;
    stack.p_flags = llvm::ELF::PF_R | llvm::ELF::PF_W;
    std::memcpy(image.bytes.data() + sizeof(header) + sizeof(load), &stack, sizeof(stack));
  }

  const ELF64LEObjectFile &object;
  std::string &error;
  CodeImage image;
  uint64_t codeEnd = 0;
  std::map<uint64_t, uint64_t> offsets;  ///< of sections, by index
  std::map<std::string, Symbol> symbols; ///< by name
};

} // namespace

FailureOr<CodeImage> nyala::cpu::linkImage(StringRef object, ArrayRef<std::string> kernels,
                                           std::string &error) {
  auto file = ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(object, "kernels"));
  if (!file) {
    error = llvm::toString(file.takeError());
    return failure();
  }
  auto *elf = dyn_cast<ELF64LEObjectFile>(file->get());
  if (!elf || elf->getArch() != llvm::Triple::x86_64) {
    error = "not an object of x86-64";
    return failure();
  }
  return ImageLinker(*elf, error).link(kernels);
}
