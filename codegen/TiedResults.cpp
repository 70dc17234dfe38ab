//===- TiedResults.cpp - Results that kernels write over arguments --------===//
#include "codegen/TiedResults.h"
#include "ir/KernelTies.h"

using namespace mlir;
using namespace nyala;

bool nyala::isElementwise(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1 &&
         isa<RankedTensorType>(op->getResult(0).getType()) &&
         getTensorType(op->getResult(0)).getRank() <= 2;
}

LogicalResult nyala::checkConstant(arith::ConstantOp constant) {
  if (isa<SplatElementsAttr>(constant.getValue()) &&
      llvm::all_of(constant->getUsers(), isElementwise))
    return success();
  return constant.emitOpError("expected one value everywhere, for elementwise ops alone; other "
                              "constants can be weights");
}

/// Does `use` read of row r and column c only what result row r, column c is computed from?
static bool readsInPlace(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto update = dyn_cast<InPlaceOpInterface>(user))
    return llvm::any_of(llvm::seq(user->getNumResults()),
                        [&](unsigned result) { return update.getUpdatedOperand(result) == &use; });
  return isElementwise(user);
}

/// A tied argument is overwritten while the kernel runs, vector by vector: nothing may read it at
/// another place, or after that. Fills `results` with those that are computed from it.
static LogicalResult checkTiedUses(KernelOp kernel, unsigned argument,
                                   llvm::SmallDenseSet<unsigned> &results) {
  SmallVector<Value> values{kernel.getBody().getArgument(argument)};
  for (size_t i = 0; i < values.size(); ++i)
    for (OpOperand &use : values[i].getUses()) {
      if (isa<ReturnOp>(use.getOwner())) {
        results.insert(use.getOperandNumber());
        continue;
      }
      if (!readsInPlace(use))
        return use.getOwner()->emitOpError("reads argument ")
               << argument << " of kernel '" << kernel.getSymName()
               << "', which is updated in place: expected elementwise ops alone";
      for (Value result : use.getOwner()->getResults())
        if (!llvm::is_contained(values, result))
          values.push_back(result);
    }
  return success();
}

LogicalResult nyala::checkTies(KernelOp kernel, Operation *root) {
  llvm::SmallDenseSet<int64_t> seen;
  for (unsigned index = 0; index < kernel.getResultTypes().size(); ++index) {
    std::optional<int64_t> tied = getTiedArgument(kernel, index);
    if (!tied)
      continue;
    auto error = [&] {
      return kernel.emitOpError("result ") << index << " is tied to argument " << *tied;
    };
    if (*tied >= kernel.getNumArguments())
      return error() << ", expected less than " << kernel.getNumArguments();
    if (kernel.getArgumentTypes()[*tied] != kernel.getResultTypes()[index])
      return error() << " of type " << kernel.getArgumentTypes()[*tied]
                     << ", expected the result's type " << kernel.getResultTypes()[index];
    if (!seen.insert(*tied).second)
      return error() << ", as another result is";
    Value value = kernel.getBody().front().getTerminator()->getOperand(index);
    if (value.getDefiningOp<CacheAppendOp>()) // has checks of its own
      continue;
    llvm::SmallDenseSet<unsigned> results;
    if (failed(checkTiedUses(kernel, *tied, results)))
      return failure();
    if (root && results.size() > 1)
      return error() << ", which others are computed from as well: expected one result at most "
                        "around "
                     << root->getName();
    for (unsigned other : results)
      if (kernel.getResultTypes()[other] != kernel.getResultTypes()[index])
        return error() << ", which result " << other << " of type "
                       << kernel.getResultTypes()[other] << " is computed from: expected type "
                       << kernel.getResultTypes()[index];
  }
  return success();
}
