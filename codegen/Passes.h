//===- Passes.h - Code generation passes and pipelines ----------*- C++ -*-===//
#ifndef NYALA_CODEGEN_PASSES_H
#define NYALA_CODEGEN_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace nyala {

#define GEN_PASS_DECL
#include "codegen/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "codegen/Passes.h.inc"

} // namespace nyala

#endif // NYALA_CODEGEN_PASSES_H
