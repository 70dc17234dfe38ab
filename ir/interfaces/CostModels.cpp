//===- CostModels.cpp - FLOPs and bytes of the model level's ops ----------===//
//
// A multiply-add is two FLOPs; a transcendental function one. Bytes are those
// that have to move if nothing is cached: operands read once, results written
// once.
//
//===----------------------------------------------------------------------===//
#include "ir/AttentionOps.h"
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

/// Cost of attention that writes `resultBytes` a row and `bytesPerPosition` a row and position.
template <typename Op>
static OpCost attention(Op op, int64_t resultBytes, int64_t bytesPerPosition) {
  int64_t heads = op.getHeads();
  int64_t values = getChannels(op.getValues()) / static_cast<int64_t>(op.getKvHeads()) * heads;
  OpCost cost;
  cost.flopsPerRowPosition = 2 * getChannels(op.getQuery()) + 2 * values + 4 * heads;
  cost.bytesPerRow = rowBytes(op.getQuery()) + resultBytes;
  cost.bytesPerRowPosition = getSlotBytes(getTensorType(op.getKeys())) +
                             getSlotBytes(getTensorType(op.getValues())) + bytesPerPosition;
  return cost;
}

OpCost AttentionOp::getCost() { return attention(*this, rowBytes(getResult()), 0); }

/// Bytes that the parts of all heads have, for each position.
static int64_t partBytes(PartsLayout layout, int64_t heads) {
  return llvm::divideCeil(heads * layout.getPartColumns() * static_cast<int64_t>(sizeof(float)),
                          kPartPositions);
}

OpCost AttentionPartsOp::getCost() {
  return attention(*this, 0, partBytes(PartsLayout::get(*this), getHeads()));
}

OpCost MergeAttentionOp::getCost() {
  PartsLayout layout = PartsLayout::get(*this);
  int64_t heads = getHeads();
  OpCost cost{.bytesPerRow = rowBytes(getResult())};
  cost.flopsPerRowPosition = llvm::divideCeil(4 * heads * layout.getPartColumns(), kPartPositions);
  cost.bytesPerRowPosition = partBytes(layout, heads);
  return cost;
}

OpCost ActivationOp::getCost() { return rowwise(*this, 4); }
OpCost GatedActivationOp::getCost() { return rowwise(*this, 5); }
OpCost SoftmaxOp::getCost() { return rowwise(*this, 4); }
OpCost ReduceOp::getCost() { return rowwise(*this, 1); }
OpCost TopKOp::getCost() { return rowwise(*this, 1); }
OpCost SplitOp::getCost() { return {.bytesPerRow = 2 * rowBytes(getInput())}; }
