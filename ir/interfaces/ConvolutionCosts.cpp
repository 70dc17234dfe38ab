//===- ConvolutionCosts.cpp - FLOPs and bytes of images' ops --------------===//
//
// As in CostModels.cpp. A row is an image.
//
//===----------------------------------------------------------------------===//
#include "ir/ConvolutionOps.h"
#include "ir/interfaces/CostBytes.h"

using namespace mlir;
using namespace nyala;

/// `flops` for each element of an image of `like`; images move once, weights are read once.
static OpCost perElement(Operation *op, Value like, int64_t flops) {
  OpCost cost{.flopsPerRow = flops * rowElements(like)};
  cost.bytesPerRow = rowBytes(op->getOperand(0)) + rowBytes(op->getResult(0));
  for (Value weight : op->getOperands().drop_front())
    cost.fixedBytes += getTensorType(weight).getNumElements() * elementBytes(weight);
  return cost;
}

/// Multiply-adds of a channel's place with the filters that see it.
template <typename Op> static OpCost convolve(Op op, Value like) {
  RankedTensorType weight = getTensorType(op.getWeight());
  OpCost cost = perElement(op, like, 2 * weight.getNumElements() / weight.getDimSize(0));
  if (op.getBias())
    cost.flopsPerRow += rowElements(op.getResult());
  return cost;
}

OpCost ConvolutionOp::getCost() { return convolve(*this, getResult()); }
OpCost TransposedConvolutionOp::getCost() { return convolve(*this, getInput()); }

OpCost PoolOp::getCost() { return perElement(*this, getResult(), getWindow()[0] * getWindow()[1]); }

OpCost BatchNormOp::getCost() { return perElement(*this, getInput(), 2); }
OpCost LocalResponseNormOp::getCost() {
  return perElement(*this, getInput(), static_cast<int64_t>(getSize()) + 4);
}
OpCost ResizeOp::getCost() {
  return perElement(*this, getResult(), getKind() == ResizeKind::Linear ? 8 : 0);
}
