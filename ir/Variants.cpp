//===- Variants.cpp - Kernels of one model for several machines -----------===//
#include "ir/Variants.h"
#include "ir/NyalaDialect.h"

using namespace mlir;
using namespace nyala;

StringRef nyala::getName(Device device) { return device == Device::Cpu ? "cpu" : "cuda"; }

std::optional<Device> nyala::parseDevice(StringRef name) {
  for (Device device : {Device::Cpu, Device::Cuda})
    if (name == getName(device))
      return device;
  return std::nullopt;
}

Device nyala::getDevice(Operation *op) {
  auto name = op->getAttrOfType<StringAttr>(NyalaDialect::kDeviceAttr);
  return name ? parseDevice(name.getValue()).value_or(Device::Cpu) : Device::Cpu;
}

void nyala::setDevice(Operation *op, Device device) {
  if (device == Device::Cpu)
    op->removeDiscardableAttr(NyalaDialect::kDeviceAttr);
  else
    op->setDiscardableAttr(NyalaDialect::kDeviceAttr,
                           StringAttr::get(op->getContext(), getName(device)));
}

static std::string getPrefix(Device device) {
  return device == Device::Cpu ? std::string() : (getName(device) + "_").str();
}

std::string nyala::getEntrySymbol(Device device, StringRef name) {
  return getPrefix(device) + name.str();
}

StringRef nyala::getEntryName(Operation *entry) {
  StringRef name = SymbolTable::getSymbolName(entry).getValue();
  name.consume_front(getPrefix(getDevice(entry)));
  return name;
}

SmallVector<KernelOp> nyala::getKernels(ModuleOp module, Device device) {
  return llvm::filter_to_vector(module.getOps<KernelOp>(),
                                [&](KernelOp kernel) { return getDevice(kernel) == device; });
}

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

bool nyala::isTarget(Attribute attribute) { return isa<CpuTargetAttr, CudaTargetAttr>(attribute); }

Device nyala::getTargetDevice(Attribute target) {
  return isa<CudaTargetAttr>(target) ? Device::Cuda : Device::Cpu;
}

StringRef nyala::getArch(Attribute target) {
  if (auto cuda = dyn_cast<CudaTargetAttr>(target))
    return cuda.getArch();
  return cast<CpuTargetAttr>(target).getArch();
}

FailureOr<ArrayAttr> nyala::getTargets(ModuleOp module) {
  if (auto targets = module->getAttrOfType<ArrayAttr>(NyalaDialect::kTargetsAttr))
    return targets;
  return module.emitError("has no target; expected the attribute '")
         << NyalaDialect::kTargetsAttr
         << "' to hold a list of #nyala.cpu_target and #nyala.cuda_target";
}

bool nyala::hasTarget(ModuleOp module, Device device) {
  auto targets = module->getAttrOfType<ArrayAttr>(NyalaDialect::kTargetsAttr);
  if (!targets)
    return device == Device::Cpu;
  return llvm::any_of(targets, [&](Attribute target) { return getTargetDevice(target) == device; });
}

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

SmallVector<ModuleOp> nyala::getVariants(ModuleOp module) {
  return llvm::filter_to_vector(module.getOps<ModuleOp>(), [](ModuleOp variant) {
    return variant->hasAttr(NyalaDialect::kTargetAttr);
  });
}

SmallVector<ModuleOp> nyala::getVariants(ModuleOp module, Device device) {
  return llvm::filter_to_vector(getVariants(module), [&](ModuleOp variant) {
    return getTargetDevice(getTarget(variant)) == device;
  });
}

Attribute nyala::getTarget(ModuleOp variant) { return variant->getAttr(NyalaDialect::kTargetAttr); }

Operation *nyala::lookupKernel(ModuleOp variant, FlatSymbolRefAttr kernel,
                               SymbolTableCollection &symbols) {
  if (getTargetDevice(getTarget(variant)) == Device::Cpu)
    return symbols.lookupSymbolIn(variant, kernel);
  return symbols.lookupSymbolIn(variant,
                                SymbolRefAttr::get(variant.getContext(), kGpuModuleName, {kernel}));
}
