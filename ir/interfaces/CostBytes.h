//===- CostBytes.h - What costs of ops are added up from --------*- C++ -*-===//
#ifndef NYALA_IR_INTERFACES_COSTBYTES_H
#define NYALA_IR_INTERFACES_COSTBYTES_H

#include "ir/NyalaOps.h"

namespace nyala {

inline int64_t elementBytes(mlir::Value value) {
  return llvm::divideCeil(getTensorType(value).getElementTypeBitWidth(), 8);
}

/// Of activations, or of ids, one a row.
inline int64_t rowBytes(mlir::Value value) {
  return (getTensorType(value).getRank() == 1 ? 1 : getChannels(value)) * elementBytes(value);
}

} // namespace nyala

#endif // NYALA_IR_INTERFACES_COSTBYTES_H
