//===- NyalaProgramOps.cpp - Dispatch and program ops ---------------------===//
#include "ir/NyalaOps.h"
#include "ir/Variants.h"

#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// Dispatch level
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> inputs, ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag,
                      std::string &) { return builder.getFunctionType(inputs, results); };
  return function_interface_impl::parseFunctionOp(
      parser, result, /*allowVariadic=*/false, getFunctionTypeAttrName(result.name), buildType,
      getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(printer, *this, /*isVariadic=*/false,
                                           getFunctionTypeAttrName(), getArgAttrsAttrName(),
                                           getResAttrsAttrName());
}

LogicalResult ReturnOp::verify() {
  auto kernel = cast<KernelOp>((*this)->getParentOp());
  if (getOperandTypes() != kernel.getResultTypes())
    return emitOpError("expected operands of types ")
           << kernel.getResultTypes() << ", got " << getOperandTypes();
  return success();
}

LogicalResult DispatchOp::verify() {
  if (getTied().size() != getNumResults())
    return emitOpError("expected an entry of 'tied' for each of the ")
           << getNumResults() << " results, got " << getTied().size();
  for (auto [index, operand] : llvm::enumerate(getTied())) {
    if (operand == -1)
      continue;
    if (operand < -1 || operand >= static_cast<int64_t>(getInputs().size()))
      return emitOpError("result ") << index << " is tied to operand " << operand
                                    << ", expected -1 or less than " << getInputs().size();
    if (getInputs()[operand].getType() != getResult(index).getType())
      return emitOpError("result ")
             << index << " is tied to an operand of another type: expected "
             << getResult(index).getType() << ", got " << getInputs()[operand].getType();
  }
  return success();
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *callee = symbols.lookupNearestSymbolFrom(*this, getKernelAttr());
  if (!callee)
    return emitOpError("refers to kernel '") << getKernel() << "', which does not exist";
  // What stands for a kernel without being one has no types to compare.
  auto kernel = dyn_cast<KernelOp>(callee);
  if (!kernel)
    return success();
  if (TypeRange(kernel.getArgumentTypes()) != getInputs().getTypes())
    return emitOpError("expected operands of kernel '")
           << getKernel() << "' " << kernel.getArgumentTypes() << ", got "
           << getInputs().getTypes();
  if (TypeRange(kernel.getResultTypes()) != getResultTypes())
    return emitOpError("expected results of kernel '")
           << getKernel() << "' " << kernel.getResultTypes() << ", got " << getResultTypes();
  return success();
}

//===----------------------------------------------------------------------===//
// Program level
//===----------------------------------------------------------------------===//

LogicalResult StepOp::verify() {
  auto program = cast<ProgramOp>((*this)->getParentOp());
  auto inRange = [&](int64_t index, ArrayAttr list, StringRef what) -> LogicalResult {
    if (index >= 0 && index < static_cast<int64_t>(list.size()))
      return success();
    return emitOpError("refers to ") << what << " " << index << " of " << list.size();
  };
  if (failed(inRange(getRows(), program.getCounts(), "count")))
    return failure();
  for (auto buffer : getBuffers().getAsRange<BufferAttr>()) {
    LogicalResult ok = success();
    switch (buffer.getRegion()) {
    case BufferRegion::State:
      ok = inRange(buffer.getIndex(), program.getStates(), "state");
      break;
    case BufferRegion::Argument:
      ok = inRange(buffer.getIndex(), program.getArguments(), "argument");
      break;
    case BufferRegion::Result:
      ok = inRange(buffer.getIndex(), program.getResults(), "result");
      break;
    case BufferRegion::Weight:
      if (!buffer.getSymbol())
        ok = emitOpError("expected the symbol of a weight in ") << buffer;
      break;
    case BufferRegion::Arena:
      if (buffer.getOffset() < 0 ||
          buffer.getOffset() >= std::max<int64_t>(program.getArenaBytes(), 1))
        ok = emitOpError("arena offset ") << buffer.getOffset() << " is outside the program's "
                                          << program.getArenaBytes() << " bytes";
      break;
    }
    if (failed(ok))
      return failure();
  }
  if (getCost().size() != 5)
    return emitOpError("expected 5 cost fields, got ") << getCost().size();
  if (getWrites().size() > getBuffers().size())
    return emitOpError("writes ") << getWrites().size() << " of " << getBuffers().size()
                                  << " buffers";
  if (!getFloats().empty() && getFloats().size() != getWrites().size())
    return emitOpError("says of ")
           << getFloats().size() << " values whether they are f32, writes " << getWrites().size();
  for (int64_t index : getUpdates())
    if (index < 0 || index >= static_cast<int64_t>(getBuffers().size()))
      return emitOpError("updates buffer ") << index << " of " << getBuffers().size();
  if (llvm::any_of(getWrites(), [](int64_t bytes) { return bytes < 0; }))
    return emitOpError("expected the bytes that it writes not to be negative");
  return success();
}

LogicalResult StepOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto module = (*this)->getParentOfType<ModuleOp>();
  Device device = getDevice((*this)->getParentOp());
  SmallVector<ModuleOp> variants = getVariants(module, device);
  if (variants.empty())
    return emitOpError("refers to kernel '")
           << getKernel() << "' in a module without variants for device " << getName(device);
  for (ModuleOp variant : variants)
    if (!lookupKernel(variant, getKernelAttr(), symbols))
      return emitOpError("refers to kernel '") << getKernel() << "', which variant '"
                                               << getArch(getTarget(variant)) << "' does not have";
  for (auto buffer : getBuffers().getAsRange<BufferAttr>())
    if (buffer.getRegion() == BufferRegion::Weight &&
        !symbols.lookupSymbolIn<WeightOp>(module, buffer.getSymbol()))
      return emitOpError("refers to ") << buffer.getSymbol() << ", which is no nyala.weight";
  return success();
}
