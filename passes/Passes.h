//===- Passes.h - Model passes ----------------------------------*- C++ -*-===//
//
// Create functions, option structs and registration of the passes that
// Passes.td describes.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_PASSES_H
#define NYALA_PASSES_PASSES_H

#include "ir/NyalaDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace nyala {

// createShareRopeTables() and so on, one for each def of Passes.td; and registerPasses(), which
// makes them known to tools by name.
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace nyala

#endif // NYALA_PASSES_PASSES_H
