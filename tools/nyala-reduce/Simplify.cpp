//===- Simplify.cpp - Changes that make modules smaller -------------------===//
#include "tools/nyala-reduce/Simplify.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace nyala;

static SmallVector<Operation *> collectOps(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op != module)
      ops.push_back(op);
  });
  return ops;
}

size_t nyala::countOps(ModuleOp module) { return collectOps(module).size(); }

/// The first value of the type in the op's block: an argument, or the result of an op before it.
/// Null if there is none. Not only operands of the op are looked at: the earlier the value, the
/// more ops become dead.
static Value findEarlierValue(Operation *op, Type type) {
  for (BlockArgument argument : op->getBlock()->getArguments())
    if (argument.getType() == type)
      return argument;
  for (Operation &earlier : *op->getBlock()) {
    if (&earlier == op)
      break;
    for (Value result : earlier.getResults())
      if (result.getType() == type)
        return result;
  }
  return {};
}

// %0 = nyala.embedding %tokens, %table … -> tensor<?x4xf32>
// %1 = nyala.rms_norm %0, %w … -> tensor<?x4xf32>
// uses of %1
//   ->
// %0 = nyala.embedding …
// uses of %0
static bool simplifyOp(Operation *op, ModuleOp module) {
  if (op->hasTrait<OpTrait::IsTerminator>())
    return false;
  if (isa<SymbolOpInterface>(op) && !SymbolTable::symbolKnownUseEmpty(op, module))
    return false;
  SmallVector<Value> values;
  for (Value result : op->getResults()) {
    values.push_back(result.use_empty() ? result : findEarlierValue(op, result.getType()));
    if (!values.back())
      return false;
  }
  op->replaceAllUsesWith(values);
  op->erase();
  return true;
}

static void eraseDeadOps(ModuleOp module) {
  SmallVector<Operation *> ops = collectOps(module);
  // Backwards: users come before what they use.
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}

LogicalResult nyala::simplifyOps(ModuleOp module, size_t first, size_t count) {
  SmallVector<Operation *> ops = collectOps(module);
  bool changed = false;
  // Backwards: what is in an op's regions comes before it, so that no erased op is looked at.
  for (size_t i = std::min(ops.size(), first + count); i-- > first;)
    changed |= simplifyOp(ops[i], module);
  if (changed)
    eraseDeadOps(module);
  return success(changed);
}

LogicalResult nyala::eraseResult(func::FuncOp function, unsigned index) {
  function.walk([&](func::ReturnOp op) { op->eraseOperand(index); });
  return function.eraseResult(index);
}

LogicalResult nyala::eraseArgument(func::FuncOp function, unsigned index) {
  if (function.isExternal() || !function.getArgument(index).use_empty())
    return failure();
  return function.eraseArgument(index);
}
