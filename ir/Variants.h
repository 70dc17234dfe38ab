//===- Variants.h - Kernels of one model for several CPUs -------*- C++ -*-===//
//
// All variants of a model share its program and its weights; each has code of
// its own. In IR a variant is a module inside of the model's, named as its CPU:
//
//   module attributes {nyala.targets = [#nyala.cpu_target<"znver4", …>, …]} {
//     module @znver4 attributes {nyala.target = #nyala.cpu_target<"znver4", …>} {
//       func.func @k(…)
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_VARIANTS_H
#define NYALA_IR_VARIANTS_H

#include "ir/NyalaAttrs.h"

#include "mlir/IR/BuiltinOps.h"

namespace nyala {

/// What kernels are to be generated for, best first: the attribute nyala.targets. Emits an error if
/// the module has none.
mlir::FailureOr<mlir::ArrayAttr> getTargets(mlir::ModuleOp module);

/// The variants in a module, in their order; none before kernels are generated.
llvm::SmallVector<mlir::ModuleOp> getVariants(mlir::ModuleOp module);

/// What the kernels of a variant are for.
CpuTargetAttr getTarget(mlir::ModuleOp variant);

} // namespace nyala

#endif // NYALA_IR_VARIANTS_H
