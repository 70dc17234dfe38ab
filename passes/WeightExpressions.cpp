//===- WeightExpressions.cpp - Values computed from weights ---------------===//
#include "passes/WeightExpressions.h"
#include "ir/WeightOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace nyala;

bool nyala::collectConcatenatedLoads(Value value, SmallVectorImpl<LoadOp> &loads) {
  if (auto load = value.getDefiningOp<LoadOp>()) {
    loads.push_back(load);
    return true;
  }
  auto concat = value.getDefiningOp<tensor::ConcatOp>();
  return concat && concat.getDim() == 0 && llvm::all_of(concat.getInputs(), [&](Value input) {
           return collectConcatenatedLoads(input, loads);
         });
}

static std::optional<StoredFormat> getFormatOfElements(Type type) {
  if (type.isF32())
    return StoredFormat::F32;
  if (type.isF16())
    return StoredFormat::F16;
  if (type.isBF16())
    return StoredFormat::BF16;
  return std::nullopt;
}

/// `open` holds the weights whose format is being found: one that reads itself has no value, and so
/// no format.
static std::optional<StoredFormat> getStoredFormat(WeightOp weight, const SymbolTable &symbols,
                                                   SmallPtrSetImpl<Operation *> &open) {
  RankedTensorType type = weight.getTensorType();
  if (auto source = weight.getSource())
    return source->getFormat();
  if (auto packed = dyn_cast_or_null<PackedAttr>(type.getEncoding()))
    return packed.getFormat();
  SmallVector<LoadOp> loads;
  Value initial = weight.getInitialValue();
  if (auto requantize = initial ? initial.getDefiningOp<RequantizeOp>() : RequantizeOp())
    return requantize.getFormat().getValue();
  if (auto interleave = initial ? initial.getDefiningOp<InterleaveRowsOp>() : InterleaveRowsOp())
    initial = interleave.getInput();
  if (!initial || !collectConcatenatedLoads(initial, loads))
    return getFormatOfElements(type.getElementType());
  if (!open.insert(weight).second)
    return std::nullopt;
  std::optional<StoredFormat> common;
  for (LoadOp load : loads) {
    auto format = getStoredFormat(symbols.lookup<WeightOp>(load.getWeight()), symbols, open);
    if (!format || (common && common != format))
      return std::nullopt;
    common = format;
  }
  open.erase(weight);
  return common;
}

std::optional<StoredFormat> nyala::getStoredFormat(WeightOp weight, const SymbolTable &symbols) {
  SmallPtrSet<Operation *, 4> open;
  return ::getStoredFormat(weight, symbols, open);
}

void nyala::eraseDeadOps(Operation *root) {
  root->walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
    if (op != root && isOpTriviallyDead(op))
      op->erase();
  });
}

unsigned nyala::eraseDeadWeights(ModuleOp module) {
  unsigned erased = 0;
  for (bool changed = true; changed;) {
    // Recounted after each round: an erased initializer no longer refers to its weights.
    changed = false;
    SymbolTableCollection tables;
    SymbolUserMap users(tables, module);
    for (WeightOp weight : llvm::make_early_inc_range(module.getOps<WeightOp>())) {
      if (!users.useEmpty(weight))
        continue;
      weight.erase();
      ++erased;
      changed = true;
    }
  }
  return erased;
}
