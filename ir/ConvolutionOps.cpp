//===- ConvolutionOps.cpp - Ops of convolutional networks -----------------===//
//
// Verifiers and row domains. Costs are in interfaces/ConvolutionCosts.cpp,
// meanings in reference/ReferenceConvolution.cpp.
//
//===----------------------------------------------------------------------===//
#include "ir/ConvolutionOps.h"
#include "ir/OpChecks.h"

#include "mlir/IR/OpImplementation.h"

#include <cmath>

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

template <typename Op> static WindowAxes makeAxes(Op op, ArrayRef<int64_t> sizes) {
  WindowAxes axes;
  for (unsigned i = 0; i < axes.size(); ++i)
    axes[i] = {sizes[i], op.getStrides()[i], op.getDilations()[i], op.getPads()[i],
               op.getPads()[i + axes.size()]};
  return axes;
}

WindowAxes nyala::getWindowAxes(ConvolutionOp op) {
  return makeAxes(op, getTensorType(op.getWeight()).getShape().take_back(2));
}
WindowAxes nyala::getWindowAxes(TransposedConvolutionOp op) {
  return makeAxes(op, getTensorType(op.getWeight()).getShape().take_back(2));
}
WindowAxes nyala::getWindowAxes(PoolOp op) { return makeAxes(op, op.getWindow()); }

static LogicalResult expectNumbers(Operation *op, StringRef what, ArrayRef<int64_t> values,
                                   size_t count, int64_t least) {
  if (values.size() == count &&
      llvm::all_of(values, [&](int64_t value) { return value >= least && value <= kMaxWindow; }))
    return success();
  InFlightDiagnostic error = op->emitOpError("expected ") << count << " " << what << " of " << least
                                                          << " to " << kMaxWindow << ", got ";
  llvm::interleaveComma(values, error);
  return error;
}

/// Of the op's attributes and of the images' sizes, before anything is computed of them.
template <typename Op> static LogicalResult verifyWindow(Op op, ArrayRef<int64_t> window) {
  for (Value images : {op.getInput(), op.getResult()})
    if (failed(expectNumbers(op, "rows and columns of images",
                             getTensorType(images).getShape().take_back(2), 2, 1)))
      return failure();
  if (failed(expectNumbers(op, "sizes of the window", window, 2, 1)) ||
      failed(expectNumbers(op, "strides", op.getStrides(), 2, 1)) ||
      failed(expectNumbers(op, "pads", op.getPads(), 4, 0)))
    return failure();
  return expectNumbers(op, "dilations", op.getDilations(), 2, 1);
}

/// Windows over the rows and columns of `images` must be as many as `windows` has.
static LogicalResult verifyCounts(Operation *op, const WindowAxes &axes, Value images,
                                  Value windows) {
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t count = axis.getCount(getTensorType(images).getDimSize(i + 2)),
            actual = getTensorType(windows).getDimSize(i + 2);
    if (count != actual)
      return op->emitOpError("expected sizes for which ")
             << count << " windows fit into dimension " << i + 2 << ", got " << actual;
  }
  return success();
}

/// What the two kinds of convolutions share: groups divide the first two channels counts.
template <typename Op> static LogicalResult verifyFilters(Op op) {
  auto groups = static_cast<int64_t>(op.getGroups());
  RankedTensorType weight = getTensorType(op.getWeight());
  if (failed(verifyWindow(op, weight.getShape().take_back(2))) ||
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
  if (failed(verifyWindow(*this, getWindow())) ||
      failed(expectRows(*this, getInput(), getResult(), "the result")) ||
      failed(expectElementType(*this, getInput(), getResult(), "the result")) ||
      failed(expectEqual(*this, "channels of the result",
                         nyala::getTensorType(getInput()).getDimSize(1),
                         nyala::getTensorType(getResult()).getDimSize(1))))
    return failure();
  if (getCountPads() && getKind() != PoolKind::Average)
    return emitOpError("counts pads, which only an average does");
  for (auto [i, axis] : llvm::enumerate(getWindowAxes(*this))) {
    int64_t input = nyala::getTensorType(getInput()).getDimSize(i + 2);
    if (std::max(axis.padBefore, axis.padAfter) >= axis.getExtent())
      return emitOpError("expected pads smaller than the window's extent of ")
             << axis.getExtent() << " in dimension " << i + 2 << ", got " << axis.padBefore
             << " and " << axis.padAfter;
    int64_t fitting = axis.getCount(input), all = axis.getCount(input, /*cut=*/true),
            actual = nyala::getTensorType(getResult()).getDimSize(i + 2);
    if (actual != fitting && actual != all)
      return emitOpError("expected ")
             << fitting << (all == fitting ? "" : " or one more") << " windows in dimension "
             << i + 2 << " of the result, got " << actual;
  }
  return success();
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

LogicalResult ResizeOp::verify() {
  if (failed(expectRows(*this, getInput(), getResult(), "the result")) ||
      failed(expectElementType(*this, getInput(), getResult(), "the result")) ||
      failed(expectEqual(*this, "channels of the result",
                         nyala::getTensorType(getInput()).getDimSize(1),
                         nyala::getTensorType(getResult()).getDimSize(1))))
    return failure();
  for (Value images : {getInput(), getResult()})
    if (failed(expectNumbers(*this, "rows and columns of images",
                             nyala::getTensorType(images).getShape().take_back(2), 2, 1)))
      return failure();
  bool positive = llvm::all_of(getScales(), [](double scale) {
    return std::isfinite(scale) && scale > 1e-9 && scale < 1e9;
  });
  if (getScales().size() != 2 || !positive)
    return emitOpError("expected two scales, positive and of a sensible size, got ")
           << getScalesAttr();
  return success();
}
OpOperand &ResizeOp::getRowOperand() { return getInputMutable(); }

#define GET_OP_CLASSES
#include "ir/ConvolutionOps.cpp.inc"
