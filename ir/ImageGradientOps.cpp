//===- ImageGradientOps.cpp - Training of image networks ------------------===//
//
// Verifiers and row domains. Costs are in interfaces/ImageGradientCosts.cpp,
// meanings in reference/ReferenceImageGradients.cpp.
//
//===----------------------------------------------------------------------===//
#include "ir/ImageGradientOps.h"
#include "ir/WindowChecks.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// Convolutions and pooling
//===----------------------------------------------------------------------===//

WindowAxes nyala::getWindowAxes(ConvolutionWeightGradientOp op) {
  return makeAxes(op, op.getType().getShape().take_back(2));
}
WindowAxes nyala::getWindowAxes(PoolGradientOp op) { return makeAxes(op, op.getWindow()); }

static int64_t getChannelCount(Value images) { return getTensorType(images).getDimSize(1); }

LogicalResult ConvolutionWeightGradientOp::verify() {
  auto groups = static_cast<int64_t>(getGroups());
  RankedTensorType weight = getType();
  if (failed(verifyWindow(*this, {getWindows(), getImages()}, weight.getShape().take_back(2))) ||
      failed(expectRows(*this, getWindows(), getImages(), "the images")) ||
      failed(expectElementType(*this, getWindows(), getImages(), "the images")) ||
      failed(expectElementType(*this, getWindows(), getResult(), "the result")))
    return failure();
  if (groups < 1 || weight.getDimSize(0) == 0 || weight.getDimSize(0) % groups != 0)
    return emitOpError("expected groups to divide the ")
           << weight.getDimSize(0) << " filters of the result, got " << groups;
  if (failed(expectEqual(*this, "channels of the images", weight.getDimSize(1) * groups,
                         getChannelCount(getImages()))) ||
      failed(expectEqual(*this, "channels of the windows", weight.getDimSize(0),
                         getChannelCount(getWindows()))))
    return failure();
  return verifyCounts(*this, nyala::getWindowAxes(*this), getImages(), getWindows());
}

LogicalResult PoolGradientOp::verify() {
  if (failed(verifyWindow(*this, {getGradient(), getResult()}, getWindow())) ||
      failed(expectRows(*this, getGradient(), getResult(), "the result")) ||
      failed(expectElementType(*this, getGradient(), getResult(), "the result")) ||
      failed(expectEqual(*this, "channels of the result", getChannelCount(getGradient()),
                         getChannelCount(getResult()))))
    return failure();
  bool average = getKind() == PoolKind::Average;
  if (getCountPads() && !average)
    return emitOpError("counts pads, which only an average does");
  if (average == bool(getInput()))
    return emitOpError(average ? "has an input, which only a maximum is found in"
                               : "expected the input to find maxima in");
  if (getInput() && getInput().getType() != getType())
    return emitOpError("expected an input of the result's type ")
           << getType() << ", got " << getInput().getType();
  return verifyPooled(*this, nyala::getWindowAxes(*this), getResult(), getGradient());
}

OpOperand &PoolGradientOp::getRowOperand() { return getGradientMutable(); }

//===----------------------------------------------------------------------===//
// Norms and resizing
//===----------------------------------------------------------------------===//

/// One number of `vector` for each channel of `input`.
static LogicalResult verifyChannels(Operation *op, Value input, Value vector,
                                    const llvm::Twine &what) {
  if (failed(expectElementType(op, input, vector, what)))
    return failure();
  return expectEqual(op, "elements of " + what, getChannelCount(input), getChannels(vector));
}

LogicalResult BatchNormTrainingOp::verify() {
  return verifyChannels(*this, getInput(), getScale(), "the scale");
}
LogicalResult BatchNormWeightGradientOp::verify() {
  return verifyChannels(*this, getInput(), getMean(), "the mean");
}
LogicalResult BatchNormGradientOp::verify() {
  return verifyChannels(*this, getInput(), getScale(), "the scale");
}
OpOperand &BatchNormGradientOp::getRowOperand() { return getGradientMutable(); }

OpOperand *MovingAverageOp::getUpdatedOperand(unsigned) { return &getStateMutable(); }

LogicalResult LocalResponseNormGradientOp::verify() {
  return expectNumbers(*this, "size", static_cast<int64_t>(getSize()), 1, 1);
}
OpOperand &LocalResponseNormGradientOp::getRowOperand() { return getGradientMutable(); }

LogicalResult TransposedResizeOp::verify() { return verifyResize(*this); }
OpOperand &TransposedResizeOp::getRowOperand() { return getInputMutable(); }

#define GET_OP_CLASSES
#include "ir/ImageGradientOps.cpp.inc"
