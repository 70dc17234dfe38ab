//===- NyalaAttrs.h - Attributes of the nyala dialect -----------*- C++ -*-===//
#ifndef NYALA_IR_NYALAATTRS_H
#define NYALA_IR_NYALAATTRS_H

#include "ir/storage/StoredFormat.h"

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"

namespace nyala {
mlir::FailureOr<StoredFormat> parseStoredFormat(mlir::AsmParser &parser);
inline llvm::hash_code hash_value(StoredFormat format) {
  return llvm::hash_value(static_cast<uint32_t>(format));
}
} // namespace nyala

#include "ir/NyalaEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/NyalaAttrs.h.inc"

#endif // NYALA_IR_NYALAATTRS_H
