//===- Variants.cpp - Kernels of one model for several CPUs ---------------===//
#include "ir/Variants.h"
#include "ir/NyalaDialect.h"

using namespace mlir;
using namespace nyala;

FailureOr<ArrayAttr> nyala::getTargets(ModuleOp module) {
  if (auto targets = module->getAttrOfType<ArrayAttr>(NyalaDialect::kTargetsAttr))
    return targets;
  return module.emitError("has no target; expected the attribute '")
         << NyalaDialect::kTargetsAttr << "' to hold a list of #nyala.cpu_target";
}

SmallVector<ModuleOp> nyala::getVariants(ModuleOp module) {
  return llvm::filter_to_vector(module.getOps<ModuleOp>(), [](ModuleOp variant) {
    return variant->hasAttr(NyalaDialect::kTargetAttr);
  });
}

CpuTargetAttr nyala::getTarget(ModuleOp variant) {
  return variant->getAttrOfType<CpuTargetAttr>(NyalaDialect::kTargetAttr);
}
