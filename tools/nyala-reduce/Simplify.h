//===- Simplify.h - Changes that make modules smaller -----------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_REDUCE_SIMPLIFY_H
#define NYALA_TOOLS_NYALA_REDUCE_SIMPLIFY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace nyala {

/// Ops inside the module.
size_t countOps(mlir::ModuleOp module);

/// Simplifies `count` ops from `first` on, in the order of the text: results are replaced by
/// earlier values of the same types, symbols that nothing refers to and ops without results are
/// erased; then what became dead. Fails if nothing changes. The result need not be valid.
llvm::LogicalResult simplifyOps(mlir::ModuleOp module, size_t first, size_t count);

/// Removes a result of a function from its type and its returns.
llvm::LogicalResult eraseResult(mlir::func::FuncOp function, unsigned index);

/// Removes an argument; fails if the body uses it.
llvm::LogicalResult eraseArgument(mlir::func::FuncOp function, unsigned index);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_REDUCE_SIMPLIFY_H
