//===- TiedResults.h - Results that kernels write over arguments -*- C++ -*-===//
//
// What all devices' kernels ask of a result that is tied to an argument
// (ir/KernelTies.h), and of ops that work element by element.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_TIEDRESULTS_H
#define NYALA_CODEGEN_TIEDRESULTS_H

#include "ir/NyalaOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace nyala {

/// An op on matrices, element by element, or on ids, one by one.
bool isElementwise(mlir::Operation *op);

/// Emits an error and fails if `constant` is not one value everywhere, for elementwise ops alone.
mlir::LogicalResult checkConstant(mlir::arith::ConstantOp constant);

/// Emits an error and fails where a result of `kernel` cannot be written over the argument that it
/// is tied to while the kernel runs. `root`: the op whose tiles results are computed from, each
/// apart from those of others; null if there is none.
mlir::LogicalResult checkTies(KernelOp kernel, mlir::Operation *root);

} // namespace nyala

#endif // NYALA_CODEGEN_TIEDRESULTS_H
