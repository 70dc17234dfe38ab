//===- Pipelines.h - From entries to programs -------------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_PIPELINES_H
#define NYALA_CODEGEN_PIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace nyala {

/// model -> dispatch: packs weights, forms dispatches, shares equal kernels.
void buildDispatchPipeline(mlir::OpPassManager &pm);
/// dispatch -> kernel: generates loops and vectors for each target.
void buildKernelPipeline(mlir::OpPassManager &pm);
/// kernel -> program: plans memory, lowers kernels to the LLVM dialect.
void buildProgramPipeline(mlir::OpPassManager &pm);

/// The pipelines by name, for nyala-opt.
void registerCodegenPipelines();

} // namespace nyala

#endif // NYALA_CODEGEN_PIPELINES_H
