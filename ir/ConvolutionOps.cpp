//===- ConvolutionOps.cpp - Ops of convolutional networks -----------------===//
//
// Verifiers and row domains. Costs are in interfaces/ConvolutionCosts.cpp,
// meanings in reference/ReferenceConvolution.cpp.
//
//===----------------------------------------------------------------------===//
#include "ir/ConvolutionOps.h"
#include "ir/WindowChecks.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

int64_t WindowAxis::getCount(int64_t input, bool cut) const {
  int64_t room = input + padBefore + padAfter - getExtent();
  if (room < 0)
    return 0;
  int64_t count = room / stride + 1;
  if (cut && room % stride != 0 && count * stride < input + padBefore)
    ++count;
  return count;
}

WindowAxes nyala::getWindowAxes(ConvolutionOp op) {
  return makeAxes(op, getTensorType(op.getWeight()).getShape().take_back(2));
}
WindowAxes nyala::getWindowAxes(TransposedConvolutionOp op) {
  return makeAxes(op, getTensorType(op.getWeight()).getShape().take_back(2));
}
WindowAxes nyala::getWindowAxes(PoolOp op) { return makeAxes(op, op.getWindow()); }

/// What the two kinds of convolutions share: groups divide the first two channels counts.
template <typename Op> static LogicalResult verifyFilters(Op op) {
  auto groups = static_cast<int64_t>(op.getGroups());
  RankedTensorType weight = getTensorType(op.getWeight());
  if (failed(verifyWindow(op, {op.getInput(), op.getResult()}, weight.getShape().take_back(2))) ||
      failed(expectRows(op, op.getInput(), op.getResult(), "the result")) ||
      failed(expectElementType(op, op.getInput(), op.getWeight(), "the weight")) ||
      failed(expectElementType(op, op.getInput(), op.getResult(), "the result")))
    return failure();
  if (groups < 1 || weight.getDimSize(0) == 0 || weight.getDimSize(0) % groups != 0)
    return op.emitOpError("expected groups to divide the ")
           << weight.getDimSize(0) << " filters of the weight, got " << groups;
  if (!op.getBias())
    return success();
  if (failed(expectElementType(op, op.getInput(), op.getBias(), "the bias")))
    return failure();
  return expectEqual(op, "elements of the bias", getTensorType(op.getResult()).getDimSize(1),
                     getChannels(op.getBias()));
}

LogicalResult ConvolutionOp::verify() {
  if (failed(verifyFilters(*this)))
    return failure();
  RankedTensorType weight = nyala::getTensorType(getWeight());
  auto groups = static_cast<int64_t>(getGroups());
  if (failed(expectEqual(*this, "channels of the input", weight.getDimSize(1) * groups,
                         nyala::getTensorType(getInput()).getDimSize(1))) ||
      failed(expectEqual(*this, "channels of the result", weight.getDimSize(0),
                         nyala::getTensorType(getResult()).getDimSize(1))))
    return failure();
  return verifyCounts(*this, getWindowAxes(*this), getInput(), getResult());
}

LogicalResult TransposedConvolutionOp::verify() {
  if (failed(verifyFilters(*this)))
    return failure();
  RankedTensorType weight = nyala::getTensorType(getWeight());
  auto groups = static_cast<int64_t>(getGroups());
  if (failed(expectEqual(*this, "channels of the input", weight.getDimSize(0),
                         nyala::getTensorType(getInput()).getDimSize(1))) ||
      failed(expectEqual(*this, "channels of the result", weight.getDimSize(1) * groups,
                         nyala::getTensorType(getResult()).getDimSize(1))))
    return failure();
  return verifyCounts(*this, getWindowAxes(*this), getResult(), getInput());
}

OpOperand &ConvolutionOp::getRowOperand() { return getInputMutable(); }
OpOperand &TransposedConvolutionOp::getRowOperand() { return getInputMutable(); }

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

LogicalResult PoolOp::verify() {
  if (failed(verifyWindow(*this, {getInput(), getResult()}, getWindow())) ||
      failed(expectRows(*this, getInput(), getResult(), "the result")) ||
      failed(expectElementType(*this, getInput(), getResult(), "the result")) ||
      failed(expectEqual(*this, "channels of the result",
                         nyala::getTensorType(getInput()).getDimSize(1),
                         nyala::getTensorType(getResult()).getDimSize(1))))
    return failure();
  if (getCountPads() && getKind() != PoolKind::Average)
    return emitOpError("counts pads, which only an average does");
  return verifyPooled(*this, getWindowAxes(*this), getInput(), getResult());
}

OpOperand &PoolOp::getRowOperand() { return getInputMutable(); }

//===----------------------------------------------------------------------===//
// Norms and resizing
//===----------------------------------------------------------------------===//

LogicalResult BatchNormOp::verify() {
  if (failed(expectElementType(*this, getInput(), getScale(), "the scale")))
    return failure();
  return expectEqual(*this, "elements of the scale", nyala::getTensorType(getInput()).getDimSize(1),
                     getChannels(getScale()));
}
OpOperand &BatchNormOp::getRowOperand() { return getInputMutable(); }

LogicalResult LocalResponseNormOp::verify() {
  auto size = static_cast<int64_t>(getSize());
  if (size < 1 || size > kMaxWindow)
    return emitOpError("expected a size of 1 to ") << kMaxWindow << ", got " << size;
  return success();
}
OpOperand &LocalResponseNormOp::getRowOperand() { return getInputMutable(); }

LogicalResult ResizeOp::verify() { return verifyResize(*this); }
OpOperand &ResizeOp::getRowOperand() { return getInputMutable(); }

#define GET_OP_CLASSES
#include "ir/ConvolutionOps.cpp.inc"
