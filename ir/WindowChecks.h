//===- WindowChecks.h - What verifiers of windows share ---------*- C++ -*-===//
#ifndef NYALA_IR_WINDOWCHECKS_H
#define NYALA_IR_WINDOWCHECKS_H

#include "ir/ConvolutionOps.h"
#include "ir/OpChecks.h"

#include <cmath>

namespace nyala {

/// Of windows of `sizes` that move as the op's attributes say.
template <typename Op> WindowAxes makeAxes(Op op, llvm::ArrayRef<int64_t> sizes) {
  WindowAxes axes;
  for (unsigned i = 0; i < axes.size(); ++i)
    axes[i] = {sizes[i], op.getStrides()[i], op.getDilations()[i], op.getPads()[i],
               op.getPads()[i + axes.size()]};
  return axes;
}

inline mlir::LogicalResult expectNumbers(mlir::Operation *op, llvm::StringRef what,
                                         llvm::ArrayRef<int64_t> values, size_t count,
                                         int64_t least) {
  if (values.size() == count &&
      llvm::all_of(values, [&](int64_t value) { return value >= least && value <= kMaxWindow; }))
    return mlir::success();
  mlir::InFlightDiagnostic error = op->emitOpError("expected ")
                                   << count << " " << what << " of " << least << " to "
                                   << kMaxWindow << ", got ";
  llvm::interleaveComma(values, error);
  return error;
}

/// Of the op's attributes and of the images' sizes, before anything is computed of them.
template <typename Op>
mlir::LogicalResult verifyWindow(Op op, mlir::ValueRange all, llvm::ArrayRef<int64_t> window) {
  for (mlir::Value images : all)
    if (failed(expectNumbers(op, "rows and columns of images",
                             getTensorType(images).getShape().take_back(2), 2, 1)))
      return mlir::failure();
  if (failed(expectNumbers(op, "sizes of the window", window, 2, 1)) ||
      failed(expectNumbers(op, "strides", op.getStrides(), 2, 1)) ||
      failed(expectNumbers(op, "pads", op.getPads(), 4, 0)))
    return mlir::failure();
  return expectNumbers(op, "dilations", op.getDilations(), 2, 1);
}

/// Windows over the rows and columns of `images` must be as many as `windows` has.
inline mlir::LogicalResult verifyCounts(mlir::Operation *op, const WindowAxes &axes,
                                        mlir::Value images, mlir::Value windows) {
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t count = axis.getCount(getTensorType(images).getDimSize(i + 2)),
            actual = getTensorType(windows).getDimSize(i + 2);
    if (count != actual)
      return op->emitOpError("expected sizes for which ")
             << count << " windows fit into dimension " << i + 2 << ", got " << actual;
  }
  return mlir::success();
}

/// Windows of a pool must lie in part inside the image, and be as many as fit, cut or not.
inline mlir::LogicalResult verifyPooled(mlir::Operation *op, const WindowAxes &axes,
                                        mlir::Value images, mlir::Value windows) {
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t input = getTensorType(images).getDimSize(i + 2);
    if (std::max(axis.padBefore, axis.padAfter) >= axis.getExtent())
      return op->emitOpError("expected pads smaller than the window's extent of ")
             << axis.getExtent() << " in dimension " << i + 2 << ", got " << axis.padBefore
             << " and " << axis.padAfter;
    int64_t fitting = axis.getCount(input), all = axis.getCount(input, /*cut=*/true),
            actual = getTensorType(windows).getDimSize(i + 2);
    if (actual != fitting && actual != all)
      return op->emitOpError("expected ")
             << fitting << (all == fitting ? "" : " or one more") << " windows in dimension "
             << i + 2 << " of the " << (windows.getDefiningOp() == op ? "result" : "gradient")
             << ", got " << actual;
  }
  return mlir::success();
}

/// Two positive scales, and images of two sizes.
template <typename Op> mlir::LogicalResult verifyResize(Op op) {
  if (failed(expectRows(op, op.getInput(), op.getResult(), "the result")) ||
      failed(expectElementType(op, op.getInput(), op.getResult(), "the result")) ||
      failed(expectEqual(op, "channels of the result", getTensorType(op.getInput()).getDimSize(1),
                         getTensorType(op.getResult()).getDimSize(1))))
    return mlir::failure();
  for (mlir::Value images : {op.getInput(), op.getResult()})
    if (failed(expectNumbers(op, "rows and columns of images",
                             getTensorType(images).getShape().take_back(2), 2, 1)))
      return mlir::failure();
  bool positive = llvm::all_of(op.getScales(), [](double scale) {
    return std::isfinite(scale) && scale > 1e-9 && scale < 1e9;
  });
  if (op.getScales().size() != 2 || !positive)
    return op.emitOpError("expected two scales, positive and of a sensible size, got ")
           << op.getScalesAttr();
  return mlir::success();
}

} // namespace nyala

#endif // NYALA_IR_WINDOWCHECKS_H
