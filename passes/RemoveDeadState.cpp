//===- RemoveDeadState.cpp - States that nobody reads ---------------------===//
//
// Liveness, backwards and optimistic: what a caller gets to see (results that
// carry no state) and what has an effect is live, and so are the operands of a
// live value's op. A state whose argument turns out live in one function makes
// its results live in all. Cycles of states that only feed each other stay
// dead.
//
//===----------------------------------------------------------------------===//
#include "ir/NyalaOps.h"
#include "passes/Passes.h"
#include "passes/WeightExpressions.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

namespace nyala {
#define GEN_PASS_DEF_REMOVEDEADSTATE
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

StringAttr getArgumentState(func::FuncOp func, unsigned i) {
  return func.getArgAttrOfType<StringAttr>(i, NyalaDialect::kStateAttr);
}
StringAttr getResultState(func::FuncOp func, unsigned i) {
  return func.getResultAttrOfType<StringAttr>(i, NyalaDialect::kStateAttr);
}

class Liveness {
public:
  explicit Liveness(ModuleOp module) : functions(module.getOps<func::FuncOp>()) {
    SymbolTableCollection tables;
    SymbolUserMap users(tables, module);
    for (func::FuncOp func : functions) {
      // Callers and other modules rely on the signature as it is.
      bool fixed = func.isExternal() || !users.useEmpty(func);
      for (unsigned i = 0; i < func.getNumArguments(); ++i)
        if (StringAttr state = getArgumentState(func, i); state && fixed)
          markState(state);
      func.walk([&](Operation *op) { markRoot(func, op); });
    }
    while (!worklist.empty())
      visit(worklist.pop_back_val());
  }

  bool isLive(StringAttr state) const { return states.contains(state); }

private:
  /// Marks what `op` needs if it is needed for itself: not for its results.
  void markRoot(func::FuncOp func, Operation *op) {
    if (op == func)
      return;
    if (isa<func::ReturnOp>(op)) {
      for (OpOperand &operand : op->getOpOperands())
        if (!getResultState(func, operand.getOperandNumber()))
          mark(operand.get());
    } else if (op->getNumRegions() != 0 || op->hasTrait<OpTrait::IsTerminator>() ||
               !isMemoryEffectFree(op)) {
      for (Value operand : op->getOperands())
        mark(operand);
    }
  }

  void mark(Value value) {
    if (values.insert(value).second)
      worklist.push_back(value);
  }

  void visit(Value value) {
    if (Operation *op = value.getDefiningOp()) {
      for (Value operand : op->getOperands())
        mark(operand);
      return;
    }
    auto argument = cast<BlockArgument>(value);
    auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (!func || !argument.getOwner()->isEntryBlock())
      return; // its values come from terminators, whose operands are live
    if (StringAttr state = getArgumentState(func, argument.getArgNumber()))
      markState(state);
  }

  void markState(StringAttr state) {
    if (!states.insert(state).second)
      return;
    for (func::FuncOp func : functions)
      func.walk([&](func::ReturnOp op) {
        for (OpOperand &operand : op->getOpOperands())
          if (getResultState(func, operand.getOperandNumber()) == state)
            mark(operand.get());
      });
  }

  SmallVector<func::FuncOp> functions;
  SmallVector<Value> worklist;
  llvm::DenseSet<Value> values;
  llvm::DenseSet<StringAttr> states;
};

struct RemoveDeadState : nyala::impl::RemoveDeadStateBase<RemoveDeadState> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (failed(verifyStates(func)))
        return signalPassFailure();
    Liveness liveness(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      removeFrom(func, liveness);
    if (unsigned erased = eraseDeadWeights(getOperation()))
      remark::passed(getOperation().getLoc(), remarkOf("DeadWeightsRemoved"))
          << remark::add("removed {0} weights that nothing loads", erased);
  }

private:
  static remark::RemarkOpts remarkOf(StringRef name) {
    return remark::RemarkOpts::name(name).category("nyala-remove-dead-state");
  }

  /// A state must be carried by one argument and one result: they are removed together.
  static LogicalResult verifyStates(func::FuncOp func) {
    llvm::SetVector<StringAttr> arguments, results;
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (StringAttr state = getArgumentState(func, i); state && !arguments.insert(state))
        return func.emitError("state '") << state.getValue() << "' is carried by two arguments";
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (StringAttr state = getResultState(func, i); state && !results.insert(state))
        return func.emitError("state '") << state.getValue() << "' is carried by two results";
    for (StringAttr state : arguments)
      if (!results.contains(state))
        return func.emitError("state '")
               << state.getValue() << "' is an argument; expected a result with its next value";
    for (StringAttr state : results)
      if (!arguments.contains(state))
        return func.emitError("state '")
               << state.getValue() << "' is a result; expected an argument with its value before";
    return success();
  }

  void removeFrom(func::FuncOp func, const Liveness &liveness) {
    auto isDead = [&](StringAttr state) { return state && !liveness.isLive(state); };
    llvm::BitVector results(func.getNumResults()), arguments(func.getNumArguments());
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      results[i] = isDead(getResultState(func, i));
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      arguments[i] = isDead(getArgumentState(func, i));

    // %k1 = nyala.cache_append %k0, %k …; return %logits, %k1  ->  return %logits
    func.walk([&](func::ReturnOp op) { op->eraseOperands(results); });
    eraseDeadOps(func);
    for (unsigned i : arguments.set_bits())
      remark::passed(func.getArgument(i).getLoc(),
                     remarkOf("DeadStateRemoved").function(func.getName()))
          << remark::add("removed state '{0}', which no result needs",
                         getArgumentState(func, i).getValue());
    if (failed(func.eraseResults(results)) || failed(func.eraseArguments(arguments)))
      signalPassFailure();
  }
};

} // namespace
