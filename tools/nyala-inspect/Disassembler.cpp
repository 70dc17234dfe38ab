//===- Disassembler.cpp - Machine code to text, by LLVM -------------------===//

#include "tools/nyala-inspect/Disassembler.h"

#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstPrinter.h"
#include "llvm/MC/MCInstrAnalysis.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/MCTargetOptions.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

#include <map>
#include <set>

using namespace llvm;
using namespace nyala::inspect;

namespace {

/// LLVM's description of x86-64. Decoding needs no feature but the 64-bit mode, which the triple
/// implies: code of any CPU can be read.
class X86 {
public:
  X86() {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86Disassembler();
    std::string error;
    const Target *target = TargetRegistry::lookupTarget(triple, error);
    registers.reset(target->createMCRegInfo(triple));
    asmInfo.reset(target->createMCAsmInfo(*registers, triple, options));
    subtarget.reset(target->createMCSubtargetInfo(triple, "", ""));
    instructions.reset(target->createMCInstrInfo());
    context = std::make_unique<MCContext>(triple, asmInfo.get(), registers.get(), subtarget.get());
    disassembler.reset(target->createMCDisassembler(*subtarget, *context));
    analysis.reset(target->createMCInstrAnalysis(instructions.get()));
    constexpr unsigned intelSyntax = 1;
    printer.reset(
        target->createMCInstPrinter(triple, intelSyntax, *asmInfo, *instructions, *registers));
    printer->setPrintBranchImmAsAddress(true);
    printer->setPrintImmHex(true);
  }

  const Triple triple{"x86_64-unknown-linux-gnu"};
  MCTargetOptions options;
  std::unique_ptr<MCRegisterInfo> registers;
  std::unique_ptr<MCAsmInfo> asmInfo;
  std::unique_ptr<MCSubtargetInfo> subtarget;
  std::unique_ptr<MCInstrInfo> instructions;
  std::unique_ptr<MCContext> context;
  std::unique_ptr<MCDisassembler> disassembler;
  std::unique_ptr<MCInstrAnalysis> analysis;
  std::unique_ptr<MCInstPrinter> printer;
};

struct Instruction {
  uint64_t address, size;
  MCInst inst;
  bool valid;
};

class FunctionPrinter {
public:
  FunctionPrinter(X86 &x86, std::span<const std::byte> image, const CodeSymbol &function,
                  const std::vector<CodeSymbol> &symbols)
      : x86(x86), function(function), symbols(symbols) {
    decode(ArrayRef(reinterpret_cast<const uint8_t *>(image.data()), image.size()));
    nameTargets();
  }

  std::string print() const {
    std::string text;
    raw_string_ostream os(text);
    for (const Instruction &instruction : instructions) {
      if (auto label = labels.find(instruction.address); label != labels.end())
        os << label->second << ":\n";
      os << format("%8llx:  ", static_cast<unsigned long long>(instruction.address));
      print(instruction, os);
      os << "\n";
    }
    return text;
  }

private:
  void decode(ArrayRef<uint8_t> image) {
    const uint64_t end = function.offset + function.size;
    for (uint64_t address = function.offset; address < end;) {
      Instruction instruction{address, 0, {}, false};
      instruction.valid =
          x86.disassembler->getInstruction(instruction.inst, instruction.size,
                                           image.slice(address, end - address), address,
                                           nulls()) == MCDisassembler::Success;
      if (!instruction.valid)
        instruction.size = 1;
      address += instruction.size;
      instructions.push_back(instruction);
    }
  }

  /// Where a branch or call goes, if that is known.
  std::optional<uint64_t> getTarget(const Instruction &instruction) const {
    uint64_t target;
    if (!instruction.valid || !x86.analysis->evaluateBranch(instruction.inst, instruction.address,
                                                            instruction.size, target))
      return std::nullopt;
    return target;
  }

  /// Labels count up through the function. Targets within an instruction have none: there is no
  /// line to put it before.
  void nameTargets() {
    std::set<uint64_t> targets;
    for (const Instruction &instruction : instructions)
      if (std::optional<uint64_t> target = getTarget(instruction))
        targets.insert(*target);
    for (const Instruction &instruction : instructions)
      if (targets.count(instruction.address))
        labels[instruction.address] = "L" + std::to_string(labels.size());
  }

  std::string getName(uint64_t target) const {
    if (auto label = labels.find(target); label != labels.end())
      return label->second;
    for (const CodeSymbol &symbol : symbols)
      if (symbol.offset == target)
        return symbol.name;
    return "";
  }

  void print(const Instruction &instruction, raw_ostream &os) const {
    if (!instruction.valid) {
      os << "(not an instruction)";
      return;
    }
    const std::optional<uint64_t> target = getTarget(instruction);
    const std::string name = target ? getName(*target) : "";
    std::string text;
    raw_string_ostream stream(text);
    x86.printer->setSymbolizeOperands(!name.empty());
    // Of x86, LLVM wants the address that branches are relative to: that of the next instruction.
    x86.printer->printInst(&instruction.inst, instruction.address + instruction.size, "",
                           *x86.subtarget, stream);
    // "\tmov\teax, 1": the printer writes the columns of assembly files.
    StringRef line = StringRef(text).ltrim('\t');
    auto [mnemonic, operands] = line.split('\t');
    os << mnemonic;
    if (!operands.empty() || !name.empty())
      os << " " << operands << name;
    if (std::optional<uint64_t> address = x86.analysis->evaluateMemoryOperandAddress(
            instruction.inst, x86.subtarget.get(), instruction.address, instruction.size))
      os << format("  # 0x%llx", static_cast<unsigned long long>(*address));
  }

  X86 &x86;
  const CodeSymbol &function;
  const std::vector<CodeSymbol> &symbols;
  std::vector<Instruction> instructions;
  std::map<uint64_t, std::string> labels; ///< by address
};

} // namespace

std::string nyala::inspect::disassembleX86(std::span<const std::byte> image,
                                           const CodeSymbol &function,
                                           const std::vector<CodeSymbol> &symbols) {
  static X86 x86;
  return FunctionPrinter(x86, image, function, symbols).print();
}
