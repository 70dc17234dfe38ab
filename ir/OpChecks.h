//===- OpChecks.h - What verifiers share ------------------------*- C++ -*-===//
#ifndef NYALA_IR_OPCHECKS_H
#define NYALA_IR_OPCHECKS_H

#include "ir/NyalaOps.h"

namespace nyala {

/// "expected WHAT to be EXPECTED, got ACTUAL" unless they agree or one is dynamic.
inline mlir::LogicalResult expectEqual(mlir::Operation *op, const llvm::Twine &what,
                                       int64_t expected, int64_t actual) {
  if (expected == actual || mlir::ShapedType::isDynamic(expected) ||
      mlir::ShapedType::isDynamic(actual))
    return mlir::success();
  return op->emitOpError("expected ") << what << " to be " << expected << ", got " << actual;
}

inline mlir::LogicalResult expectRows(mlir::Operation *op, mlir::Value like, mlir::Value value,
                                      const llvm::Twine &what) {
  return expectEqual(op, "rows of " + what, getTensorType(like).getDimSize(0),
                     getTensorType(value).getDimSize(0));
}

inline mlir::LogicalResult expectElementType(mlir::Operation *op, mlir::Value like,
                                             mlir::Value value, const llvm::Twine &what) {
  mlir::Type expected = getTensorType(like).getElementType(),
             actual = getTensorType(value).getElementType();
  if (expected == actual)
    return mlir::success();
  return op->emitOpError("expected element type of ")
         << what << " to be " << expected << ", got " << actual;
}

/// Channels must split into `heads` equal heads, not empty; `headDim` receives their width.
inline mlir::LogicalResult expectHeads(mlir::Operation *op, int64_t width, int64_t heads,
                                       const llvm::Twine &what, int64_t &headDim) {
  if (heads <= 0)
    return op->emitOpError("expected a positive number of heads for ") << what << ", got " << heads;
  if (width == 0 || width % heads != 0)
    return op->emitOpError("expected channels of ")
           << what << " to be a multiple of " << heads << " heads, got " << width;
  headDim = width / heads;
  return mlir::success();
}

} // namespace nyala

#endif // NYALA_IR_OPCHECKS_H
