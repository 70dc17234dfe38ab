#include "test/unit/codegen/Instructions.h"

#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstrAnalysis.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;
using namespace nyala::test;

bool InstructionUse::usesRegister(StringRef prefix) const {
  return llvm::any_of(registers, [&](StringRef name) { return name.starts_with(prefix); });
}

bool InstructionUse::usesOpcode(StringRef part) const {
  return llvm::any_of(opcodes, [&](StringRef name) { return name.contains(part); });
}

InstructionUse nyala::test::findInstructions(const CodeImage &image) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86Disassembler();
  InstructionUse use;
  Triple triple("x86_64-unknown-linux-gnu");
  const Target *target = TargetRegistry::lookupTarget(triple, use.obstacle);
  if (!target)
    return use;
  std::unique_ptr<MCRegisterInfo> registers(target->createMCRegInfo(triple));
  MCTargetOptions options;
  std::unique_ptr<MCAsmInfo> assembly(target->createMCAsmInfo(*registers, triple, options));
  std::unique_ptr<MCSubtargetInfo> subtarget(target->createMCSubtargetInfo(triple, "x86-64", ""));
  std::unique_ptr<MCInstrInfo> instructions(target->createMCInstrInfo());
  std::unique_ptr<MCInstrAnalysis> analysis(target->createMCInstrAnalysis(instructions.get()));
  MCContext context(triple, assembly.get(), registers.get(), subtarget.get());
  std::unique_ptr<MCDisassembler> disassembler(target->createMCDisassembler(*subtarget, context));

  ArrayRef<uint8_t> bytes(reinterpret_cast<const uint8_t *>(image.bytes.data()),
                          image.bytes.size());
  std::set<uint64_t> seen;
  std::vector<uint64_t> pending;
  for (const CodeImage::Kernel &kernel : image.kernels)
    pending.push_back(kernel.entry);
  while (!pending.empty()) {
    uint64_t address = pending.back();
    pending.pop_back();
    while (seen.insert(address).second) {
      MCInst inst;
      uint64_t size;
      if (address >= bytes.size() ||
          disassembler->getInstruction(inst, size, bytes.drop_front(address), address, nulls()) !=
              MCDisassembler::Success) {
        use.obstacle = "no instruction at " + std::to_string(address);
        return use;
      }
      ++use.instructions;
      use.opcodes.insert(instructions->getName(inst.getOpcode()).str());
      for (const MCOperand &operand : inst)
        if (operand.isReg() && operand.getReg().isValid())
          use.registers.insert(registers->getName(operand.getReg()));
      if (analysis->isReturn(inst))
        break;
      uint64_t next;
      if (analysis->isCall(inst) || analysis->isIndirectBranch(inst)) {
        use.obstacle = "a call or an indirect jump at " + std::to_string(address);
        return use;
      }
      if (analysis->evaluateBranch(inst, address, size, next)) {
        pending.push_back(next);
        if (analysis->isUnconditionalBranch(inst))
          break;
      }
      address += size;
    }
  }
  return use;
}
