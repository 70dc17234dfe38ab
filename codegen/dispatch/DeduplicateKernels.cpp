//===- DeduplicateKernels.cpp - Share kernels with equal bodies -----------===//
#include "codegen/Passes.h"
#include "codegen/dispatch/EqualKernels.h"
#include "ir/Variants.h"

#include "mlir/IR/OperationSupport.h"

namespace nyala {
#define GEN_PASS_DEF_DEDUPLICATEKERNELS
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Equal but for names and locations.
struct KernelInfo : llvm::DenseMapInfo<KernelOp> {
  static unsigned getHashValue(KernelOp kernel) {
    llvm::hash_code hash =
        llvm::hash_combine(kernel.getFunctionType(), kernel.getMaxRows(), getDevice(kernel));
    for (Operation &op : kernel.getBody().front())
      hash = llvm::hash_combine(
          hash, OperationEquivalence::computeHash(&op, OperationEquivalence::ignoreHashValue,
                                                  OperationEquivalence::ignoreHashValue,
                                                  OperationEquivalence::IgnoreLocations));
    return hash;
  }
  static bool isEqual(KernelOp left, KernelOp right) {
    if (left == right)
      return true;
    auto isSentinel = [](KernelOp kernel) {
      return kernel == getEmptyKey() || kernel == getTombstoneKey();
    };
    if (isSentinel(left) || isSentinel(right))
      return false;
    return getDevice(left) == getDevice(right) &&
           left.getFunctionType() == right.getFunctionType() &&
           left.getMaxRows() == right.getMaxRows() &&
           left.getResAttrsAttr() == right.getResAttrsAttr() &&
           OperationEquivalence::isRegionEquivalentTo(&left.getBody(), &right.getBody(),
                                                      OperationEquivalence::IgnoreLocations);
  }
};

} // namespace

DenseMap<KernelOp, KernelOp> nyala::findFirstEqualKernels(ModuleOp module) {
  DenseMap<KernelOp, KernelOp, KernelInfo> representatives;
  DenseMap<KernelOp, KernelOp> first;
  for (auto kernel : module.getOps<KernelOp>())
    first[kernel] = representatives.try_emplace(kernel, kernel).first->second;
  return first;
}

namespace {

struct DeduplicateKernels : nyala::impl::DeduplicateKernelsBase<DeduplicateKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    DenseMap<StringAttr, FlatSymbolRefAttr> renamed;
    for (auto [kernel, first] : findFirstEqualKernels(module))
      if (kernel != first)
        renamed[kernel.getSymNameAttr()] = FlatSymbolRefAttr::get(first.getSymNameAttr());
    for (KernelOp kernel : llvm::make_early_inc_range(module.getOps<KernelOp>()))
      if (renamed.contains(kernel.getSymNameAttr()))
        kernel.erase();
    module.walk([&](DispatchOp dispatch) {
      if (auto symbol = renamed.lookup(dispatch.getKernelAttr().getAttr()))
        dispatch.setKernelAttr(symbol);
    });
  }
};

} // namespace
