//===- CostModels.cpp - FLOPs and bytes of the model level's ops ----------===//
//
// A multiply-add is two FLOPs; a transcendental function one. Bytes are those
// that have to move if nothing is cached: operands read once, results written
// once.
//
//===----------------------------------------------------------------------===//
#include "ir/NyalaOps.h"
#include "ir/interfaces/CostBytes.h"

using namespace mlir;
using namespace nyala;

/// Bytes of a weight as stored: by its packed format, else by its element type.
static int64_t weightBytes(Value value) {
  RankedTensorType type = getTensorType(value);
  if (getPacked(type))
    return getPackedLayout(type).getBytes();
  return type.getNumElements() * elementBytes(value);
}

/// Cost of an op that reads and writes each row once with `flops` an element of the first operand.
static OpCost rowwise(Operation *op, int64_t flops) {
  OpCost cost;
  cost.flopsPerRow = flops * getChannels(op->getOperand(0));
  for (Value operand : op->getOperands())
    if (getTensorType(operand).getRank() == 2)
      cost.bytesPerRow += rowBytes(operand);
    else
      cost.fixedBytes += weightBytes(operand);
  for (Value result : op->getResults())
    cost.bytesPerRow += rowBytes(result);
  return cost;
}

OpCost EmbeddingOp::getCost() { return {.bytesPerRow = 2 * rowBytes(getResult())}; }
OpCost GatherOp::getCost() { return {.bytesPerRow = 2 * rowBytes(getResult())}; }

OpCost LinearOp::getCost() {
  int64_t bias = getBias() ? getChannels(getResult()) : 0;
  return {.flopsPerRow = 2 * getTensorType(getWeight()).getNumElements() + bias,
          .fixedBytes = weightBytes(getWeight()) + (getBias() ? weightBytes(getBias()) : 0),
          .bytesPerRow = rowBytes(getInput()) + rowBytes(getResult())};
}

OpCost QuantizeOp::getCost() {
  return {.flopsPerRow = 4 * getChannels(getInput()),
          .bytesPerRow = rowBytes(getInput()) + rowBytes(getValues()) + rowBytes(getScales()) +
                         rowBytes(getSums())};
}

OpCost QuantizedLinearOp::getCost() {
  int64_t bias = getBias() ? getChannels(getResult()) : 0;
  return {.flopsPerRow = 2 * getTensorType(getWeight()).getNumElements() + bias,
          .fixedBytes = weightBytes(getWeight()) + (getBias() ? weightBytes(getBias()) : 0),
          .bytesPerRow = rowBytes(getValues()) + rowBytes(getScales()) + rowBytes(getSums()) +
                         rowBytes(getResult())};
}

OpCost RmsNormOp::getCost() { return rowwise(*this, 4); }
OpCost LayerNormOp::getCost() { return rowwise(*this, 7); }

OpCost RopeOp::getCost() {
  OpCost cost{.flopsPerRow = 3 * getChannels(getInput()), .bytesPerRow = 2 * rowBytes(getInput())};
  cost.flopsPerRow += 2 * getDims();
  return cost;
}
OpCost RopeTableOp::getCost() {
  return {.flopsPerRow = 2 * static_cast<int64_t>(getDims()), .bytesPerRow = rowBytes(getResult())};
}
OpCost RotateOp::getCost() { return rowwise(*this, 3); }

OpCost CacheAppendOp::getCost() {
  return {.bytesPerRow = rowBytes(getInput()) + getSlotBytes(getTensorType(getCache()))};
}

OpCost AttentionOp::getCost() {
  int64_t query = getChannels(getQuery()), result = getChannels(getResult());
  OpCost cost;
  cost.flopsPerRowPosition = 2 * query + 2 * result + 4 * static_cast<int64_t>(getHeads());
  cost.bytesPerRow = rowBytes(getQuery()) + rowBytes(getResult());
  cost.bytesPerRowPosition =
      getSlotBytes(getTensorType(getKeys())) + getSlotBytes(getTensorType(getValues()));
  return cost;
}

OpCost ActivationOp::getCost() { return rowwise(*this, 4); }
OpCost GatedActivationOp::getCost() { return rowwise(*this, 5); }
OpCost SoftmaxOp::getCost() { return rowwise(*this, 4); }
OpCost ReduceOp::getCost() { return rowwise(*this, 1); }
OpCost SplitOp::getCost() { return {.bytesPerRow = 2 * rowBytes(getInput())}; }
