//===- CpuDispatchTarget.cpp - Which fusions pay on a CPU -----------------===//
#include "codegen/dispatch/DispatchTarget.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace nyala;

namespace {

/// Columns of the vectors that a product's tiles consist of.
constexpr int64_t kLanes = 16;
/// With up to this many rows, computing a norm once per worker costs less than a barrier.
constexpr int64_t kRecomputedRows = 8;

class CpuDispatchTarget : public DispatchTarget {
public:
  bool fusesProducer(Operation *producer, Operation *root, int64_t maxRows,
                     std::string &reason) const override {
    if (roundsWeight(producer, root))
      return true;
    if (!isa<StoredWeightOpInterface>(root)) {
      reason = "only products take producers";
      return false;
    }
    if (maxRows > kRecomputedRows) {
      reason = "each worker would compute up to " + std::to_string(maxRows) + " rows again";
      return false;
    }
    return true;
  }

  bool fusesConsumer(Operation *consumer, Operation *root, int64_t,
                     std::string &reason) const override {
    if (!isa<StoredWeightOpInterface, MatmulOp>(root)) {
      reason = "only products take consumers";
      return false;
    }
    int64_t rows = getTensorType(root->getResult(0)).getDimSize(0);
    for (Value operand : consumer->getOperands()) {
      RankedTensorType type = getTensorType(operand);
      if (type.getRank() == 2 && type.getDimSize(0) != rows) {
        reason = "an operand has other rows than the product";
        return false;
      }
    }
    return keepsTiles(consumer, kLanes, reason);
  }

private:
  /// Products copy their second factor anyway: rounding a weight (a state, or rows of it) there
  /// needs no memory for what is rounded. What is computed is kept rounded, in half the memory.
  static bool roundsWeight(Operation *producer, Operation *root) {
    auto rounding = dyn_cast<arith::TruncFOp>(producer);
    if (!rounding || !isa<LinearOp, MatmulOp>(root) || root->getOperand(1) != rounding.getOut())
      return false;
    Value source = rounding.getIn();
    while (auto part = source.getDefiningOp<tensor::ExtractSliceOp>())
      source = part.getSource();
    return isa<BlockArgument>(source);
  }
};

} // namespace

std::unique_ptr<DispatchTarget> nyala::createCpuDispatchTarget() {
  return std::make_unique<CpuDispatchTarget>();
}
