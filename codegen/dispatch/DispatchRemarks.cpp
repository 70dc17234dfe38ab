//===- DispatchRemarks.cpp - What dispatches fuse, and what not -----------===//
#include "codegen/dispatch/DispatchRemarks.h"
#include "codegen/dispatch/EqualKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nyala;

namespace {

/// Dispatches of one kernel in one entry.
struct KernelUses {
  DispatchOp first;
  unsigned dispatches = 0;
  /// How often an op stayed outside for a reason.
  llvm::MapVector<std::pair<OperationName, StringRef>, unsigned> missed;
};

} // namespace

static std::string countOf(unsigned count, StringRef noun) {
  return (llvm::Twine(count) + " " + noun + (count == 1 ? "" : "s")).str();
}

/// "nyala.rms_norm, nyala.linear, 2 nyala.rotate": the body's ops in the order of their first ones.
static std::string listOps(KernelOp kernel) {
  llvm::MapVector<OperationName, unsigned> counts;
  for (Operation &op : kernel.getBody().front())
    if (!isa<arith::ConstantOp, nyala::ReturnOp>(op))
      ++counts[op.getName()];
  return llvm::join(llvm::map_range(counts,
                                    [](auto entry) {
                                      auto [name, count] = entry;
                                      return (count == 1 ? "" : std::to_string(count) + " ") +
                                             name.getStringRef().str();
                                    }),
                    ", ");
}

void nyala::remarkDispatches(ModuleOp module, ArrayRef<FormedDispatch> formed) {
  if (!module.getContext()->getRemarkEngine())
    return;
  const SymbolTable symbols(module);
  const DenseMap<KernelOp, KernelOp> first = findFirstEqualKernels(module);
  llvm::MapVector<std::pair<Operation *, Operation *>, KernelUses> kernels;
  for (const FormedDispatch &each : formed) {
    DispatchOp dispatch = each.dispatch;
    auto kernel = symbols.lookup<KernelOp>(dispatch.getKernel());
    KernelUses &uses = kernels[{dispatch->getParentOp(), first.lookup(kernel)}];
    if (uses.dispatches++ == 0)
      uses.first = dispatch;
    for (const MissedFusion &missed : each.missed)
      ++uses.missed[{missed.op, missed.reason}];
  }
  for (auto &[key, uses] : kernels) {
    auto entry = cast<func::FuncOp>(key.first);
    auto kernel = cast<KernelOp>(key.second);
    auto optionsOf = [&](StringRef name) {
      return remark::RemarkOpts::name(name)
          .category("nyala-form-dispatches")
          .function(entry.getSymName());
    };
    Location loc = uses.first.getLoc();
    remark::passed(loc, optionsOf("DispatchFormed"))
        << remark::add("@{0}, {1}: {2}", kernel.getSymName().str(), countOf(uses.dispatches, "use"),
                       listOps(kernel));
    for (auto &[missed, count] : uses.missed)
      remark::missed(loc, optionsOf("NotFused"))
          << remark::add("{0} is not fused with @{1}, {2}", missed.first.getStringRef().str(),
                         kernel.getSymName().str(), countOf(count, "time"))
          << remark::reason("{0}", missed.second.str());
  }
}
