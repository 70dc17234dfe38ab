//===- ImageGradientCosts.cpp - FLOPs and bytes of image gradients --------===//
//
// As in CostModels.cpp. A row is what the leading dimension of the first result
// has: an image, a filter, or a channel.
//
//===----------------------------------------------------------------------===//
#include "ir/ImageGradientOps.h"
#include "ir/interfaces/CostBytes.h"

using namespace mlir;
using namespace nyala;

static int64_t getElements(Value value) {
  RankedTensorType type = getTensorType(value);
  return type.hasStaticShape() ? type.getNumElements() : 0;
}
static int64_t getBytes(Value value) { return getElements(value) * elementBytes(value); }

/// Images move once a row, `flops` an element of an image of `like`; vectors are read once.
static OpCost perImage(Operation *op, Value like, int64_t flops) {
  OpCost cost{.flopsPerRow = flops * rowElements(like)};
  for (Value operand : op->getOperands())
    if (getTensorType(operand).getRank() > 1)
      cost.bytesPerRow += rowBytes(operand);
    else
      cost.fixedBytes += getBytes(operand);
  cost.bytesPerRow += rowBytes(op->getResult(0));
  return cost;
}

// Each filter's element is a sum over the windows of all images.
OpCost ConvolutionWeightGradientOp::getCost() {
  int64_t windows = getElements(getWindows()) / std::max<int64_t>(getType().getDimSize(0), 1);
  return {.flopsPerRow = 2 * windows * rowElements(getResult()),
          .fixedBytes = getBytes(getWindows()) + getBytes(getImages()),
          .bytesPerRow = rowBytes(getResult())};
}

OpCost PoolGradientOp::getCost() {
  return perImage(*this, getGradient(), getWindow()[0] * getWindow()[1]);
}

// Two passes: statistics, then the norm.
OpCost BatchNormTrainingOp::getCost() { return perImage(*this, getInput(), 6); }
OpCost BatchNormWeightGradientOp::getCost() {
  int64_t places = getElements(getInput()) / std::max<int64_t>(getChannels(getMean()), 1);
  return {.flopsPerRow = 4 * places,
          .fixedBytes = getBytes(getGradient()) + getBytes(getInput()),
          .bytesPerRow = 2 * rowBytes(getMean())};
}
OpCost BatchNormGradientOp::getCost() { return perImage(*this, getInput(), 5); }

OpCost MovingAverageOp::getCost() { return perImage(*this, getState(), 3); }

OpCost LocalResponseNormGradientOp::getCost() {
  return perImage(*this, getInput(), 2 * static_cast<int64_t>(getSize()) + 9);
}

OpCost TransposedResizeOp::getCost() {
  return perImage(*this, getInput(), getKind() == ResizeKind::Linear ? 8 : 1);
}
