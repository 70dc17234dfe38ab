//===- WeightExpressions.cpp - Values computed from weights ---------------===//
#include "passes/WeightExpressions.h"
#include "ir/WeightOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseMap.h"
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

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

static bool hasStaticTensors(Operation *op) {
  return op->getNumResults() != 0 && llvm::all_of(op->getResultTypes(), [](Type type) {
           auto tensor = dyn_cast<RankedTensorType>(type);
           return tensor && tensor.hasStaticShape();
         });
}

SmallVector<Value> nyala::findWeightExpressions(func::FuncOp function,
                                                llvm::function_ref<bool(Operation *)> isPart) {
  // Ops that compute a fixed value; with true for those that read a weight. Constants alone are
  // no weights: they stay where they are used.
  llvm::DenseMap<Operation *, bool> fixed;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<LoadOp>(op)) {
      fixed[op] = true;
      return;
    }
    if (op->getNumRegions() != 0 || !isPure(op) || !hasStaticTensors(op))
      return;
    bool reads = false;
    for (Value operand : op->getOperands()) {
      auto found = fixed.find(operand.getDefiningOp());
      if (found == fixed.end())
        return;
      reads |= found->second;
    }
    if (op->hasTrait<OpTrait::ConstantLike>() || (reads && isPart(op)))
      fixed[op] = reads;
  });
  // A maximal expression ends where an op that has to run uses it.
  SmallVector<Value> roots;
  function.walk([&](Operation *op) {
    if (!fixed.lookup(op))
      return;
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !fixed.contains(user); }))
        roots.push_back(result);
  });
  return roots;
}

static void collect(Value value, WeightExpression &expression) {
  Operation *op = value.getDefiningOp();
  if (expression.contains(op))
    return;
  for (Value operand : op->getOperands())
    collect(operand, expression);
  expression.insert(op);
}

WeightExpression nyala::collectExpression(Value value) {
  WeightExpression expression;
  collect(value, expression);
  return expression;
}

/// The part of a dotted name that `name` does not share with `first`: "attn_k.weight" for
/// "blk.0.attn_k.weight" beside "blk.0.attn_q.weight".
static StringRef dropSharedPrefix(StringRef first, StringRef name) {
  size_t shared = 0;
  for (size_t i = 0; i < std::min(first.size(), name.size()) && first[i] == name[i]; ++i)
    if (name[i] == '.')
      shared = i + 1;
  return name.drop_front(shared);
}

std::string nyala::getWeightNames(const WeightExpression &expression) {
  llvm::SetVector<StringRef> names;
  for (Operation *op : expression)
    if (auto load = dyn_cast<LoadOp>(op))
      names.insert(load.getWeight());
  std::string name = names.front().str();
  for (StringRef other : names.getArrayRef().drop_front()) {
    StringRef rest = dropSharedPrefix(names.front(), other);
    name += "+" + rest.str();
  }
  return name;
}

//===----------------------------------------------------------------------===//
// Erasing
//===----------------------------------------------------------------------===//

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
