//===- TrainingCosts.cpp - FLOPs and bytes of training steps --------------===//
//
// As in CostModels.cpp. Where results have other rows than operands, a row is
// one of the result's.
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "ir/interfaces/CostBytes.h"

using namespace mlir;
using namespace nyala;

static int64_t getBytes(Value value) {
  RankedTensorType type = getTensorType(value);
  return type.hasStaticShape() ? type.getNumElements() * elementBytes(value) : 0;
}

/// Each row of operands and results once, `flops` an element of a row of `like`.
static OpCost rowwise(Operation *op, Value like, int64_t flops) {
  OpCost cost{.flopsPerRow = flops * getChannels(like)};
  auto domain = cast<RowDomainOpInterface>(op);
  SmallVector<OpOperand *> rows = domain.getRowOperands();
  for (OpOperand &operand : op->getOpOperands())
    if (llvm::is_contained(rows, &operand))
      cost.bytesPerRow += rowBytes(operand.get());
    else
      cost.fixedBytes += getBytes(operand.get());
  for (Value result : op->getResults())
    cost.bytesPerRow += rowBytes(result);
  return cost;
}

/// A result that reads all of its operands, `flops` an element of `input`.
static OpCost reduction(Operation *op, Value input, int64_t flops) {
  RankedTensorType type = getTensorType(input), result = getTensorType(op->getResult(0));
  OpCost cost;
  if (type.hasStaticShape() && result.getRank() > 0 && !result.isDynamicDim(0))
    cost.flopsPerRow = llvm::divideCeil(flops * type.getNumElements(), result.getDimSize(0));
  for (Value operand : op->getOperands())
    cost.fixedBytes += getBytes(operand);
  cost.bytesPerRow = rowBytes(op->getResult(0));
  return cost;
}

OpCost MatmulOp::getCost() {
  int64_t depth = getTensorType(getA()).getDimSize(getTransposeA() ? 0 : 1);
  int64_t columns = getChannels(getResult());
  OpCost cost{.fixedBytes = getBytes(getB()), .bytesPerRow = rowBytes(getResult())};
  if (!ShapedType::isDynamic(depth)) {
    cost.flopsPerRow = 2 * depth * columns;
    cost.bytesPerRow += depth * elementBytes(getA());
  }
  if (getAccumulator())
    cost.bytesPerRow += rowBytes(getAccumulator());
  return cost;
}

OpCost SumRowsOp::getCost() { return reduction(*this, getInput(), getSquared() ? 2 : 1); }
OpCost ScatterAddOp::getCost() {
  OpCost cost = reduction(*this, getRows(), 1);
  // Of the result only the rows that are chosen move.
  cost.bytesPerRow = 0;
  cost.fixedBytes = 3 * getBytes(getRows());
  return cost;
}
OpCost BroadcastColumnsOp::getCost() { return rowwise(*this, getResult(), 0); }

OpCost RmsNormGradientOp::getCost() { return rowwise(*this, getInput(), 8); }
OpCost RmsNormWeightGradientOp::getCost() { return reduction(*this, getInput(), 5); }
OpCost LayerNormGradientOp::getCost() { return rowwise(*this, getInput(), 14); }
OpCost LayerNormWeightGradientOp::getCost() { return reduction(*this, getInput(), 8); }
OpCost ActivationGradientOp::getCost() { return rowwise(*this, getInput(), 6); }
OpCost GatedActivationGradientOp::getCost() { return rowwise(*this, getInput(), 9); }
OpCost SoftmaxGradientOp::getCost() { return rowwise(*this, getOutput(), 4); }

/// Half of all pairs of a sequence's rows, `flops` each and channel.
template <typename Op> static OpCost attention(Op op, int64_t flops) {
  OpCost cost{.flopsPerRow =
                  flops * getChannels(op.getQuery()) * static_cast<int64_t>(op.getLength()) / 2};
  for (Value operand : op->getOperands())
    cost.bytesPerRow += rowBytes(operand);
  for (Value result : op->getResults())
    cost.bytesPerRow += rowBytes(result);
  return cost;
}
OpCost SelfAttentionOp::getCost() { return attention(*this, 4); }
OpCost SelfAttentionGradientOp::getCost() { return attention(*this, 10); }

OpCost CrossEntropyOp::getCost() {
  OpCost cost = rowwise(*this, getInput(), 0);
  cost.flopsPerRow = 2 * getTensorType(getWeight()).getNumElements();
  return cost;
}
OpCost CrossEntropyGradientOp::getCost() {
  OpCost cost{.flopsPerRow = 6 * getTensorType(getWeight()).getNumElements(),
              .fixedBytes = 2 * getBytes(getWeight())};
  cost.bytesPerRow = 2 * rowBytes(getInput()) + rowBytes(getGradient());
  return cost;
}
OpCost LogSumExpOp::getCost() { return rowwise(*this, getLogits(), 4); }
OpCost LogitsGradientOp::getCost() { return rowwise(*this, getLogits(), 4); }

OpCost AdamWOp::getCost() { return rowwise(*this, getWeight(), 14); }
OpCost SgdOp::getCost() { return rowwise(*this, getWeight(), 6); }
