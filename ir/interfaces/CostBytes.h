//===- CostBytes.h - What costs of ops are added up from --------*- C++ -*-===//
#ifndef NYALA_IR_INTERFACES_COSTBYTES_H
#define NYALA_IR_INTERFACES_COSTBYTES_H

#include "ir/NyalaOps.h"

namespace nyala {

inline int64_t elementBytes(mlir::Value value) {
  return llvm::divideCeil(getTensorType(value).getElementTypeBitWidth(), 8);
}

/// Elements of a row of activations, of an image, or of ids, one a row. Static but for the leading
/// dimension.
inline int64_t rowElements(mlir::Value value) {
  llvm::ArrayRef<int64_t> shape = getTensorType(value).getShape();
  return shape.empty() ? 1 : reference::Tensor::getNumElements(shape.drop_front());
}

inline int64_t rowBytes(mlir::Value value) { return rowElements(value) * elementBytes(value); }

} // namespace nyala

#endif // NYALA_IR_INTERFACES_COSTBYTES_H
