//===- ApplySchedule.cpp - A schedule becomes IR --------------------------===//
#include "passes/remat/StepGraph.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::remat;

namespace {
/// Values of the function and what stands for them at the point that execution has reached.
class LatestValues {
public:
  explicit LatestValues(const StepGraph &step) : nodes(step.ops.begin(), step.ops.end()) {}

  /// `value` as it is by now, for a reader before `point`. Views of what was computed again are
  /// made again.
  Value get(Value value, Operation *point) {
    if (Value again = recomputed.lookup(value))
      return again;
    Operation *op = value.getDefiningOp();
    if (!op || nodes.contains(op))
      return value;
    IRMapping mapping;
    bool same = true;
    for (Value operand : op->getOperands()) {
      mapping.map(operand, get(operand, point));
      same &= mapping.lookup(operand) == operand;
    }
    if (same)
      return value;
    // The view that the last reader made, if its sources are those of now.
    auto [it, isNew] = views.try_emplace(op, nullptr);
    if (isNew || !llvm::equal(it->second->getOperands(),
                              llvm::map_range(op->getOperands(), [&](Value operand) {
                                return mapping.lookup(operand);
                              })))
      it->second = OpBuilder(point).clone(*op, mapping);
    return it->second->getResult(cast<OpResult>(value).getResultNumber());
  }

  void update(Operation *op, Operation *point) {
    for (OpOperand &operand : op->getOpOperands())
      operand.set(get(operand.get(), point));
  }

  /// Computes a node's results again before `point`.
  Operation *recompute(Operation *op, Operation *point) {
    Operation *clone = OpBuilder(point).clone(*op);
    update(clone, clone);
    for (auto [result, again] : llvm::zip_equal(op->getResults(), clone->getResults()))
      recomputed[result] = again;
    return clone;
  }

private:
  DenseSet<Operation *> nodes;
  DenseMap<Value, Value> recomputed;
  DenseMap<Operation *, Operation *> views; ///< the last copy of a view
};
} // namespace

void nyala::remat::applySchedule(const StepGraph &step, ArrayRef<int> schedule) {
  if (step.ops.empty())
    return;
  Operation *terminator = step.ops.front()->getBlock()->getTerminator();
  auto counterType = IntegerType::get(terminator->getContext(), 64);
  LatestValues latest(step);
  int next = 0, recomputations = 0;
  for (int node : schedule) {
    if (node == next) {
      latest.update(step.ops[node], step.ops[node]);
      ++next;
      continue;
    }
    Operation *point = next < static_cast<int>(step.ops.size()) ? step.ops[next] : terminator;
    latest.recompute(step.ops[node], point)
        ->setAttr(kRecomputationAttr, IntegerAttr::get(counterType, ++recomputations));
  }
  // Views of what is now read elsewhere.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*terminator->getBlock())))
    if (ValuePlaces::isView(&op) && isOpTriviallyDead(&op))
      op.erase();
}
