//===- StepCompiler.h - A model's training step as an artifact --*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_STEPCOMPILER_H
#define NYALA_TOOLS_NYALA_TRAIN_STEPCOMPILER_H

#include "tools/nyala-train/Options.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace nyala::train {

/// What `options.precision` stands for on its CPU: of auto bf16 if that multiplies it, else f32.
/// Throws nyala::Error for an unknown CPU.
std::string choosePrecision(mlir::MLIRContext &context, const TrainOptions &options);

/// Compiles the step of a model of the phase `input`, which is left as it is, and writes the
/// artifact, without the model's weights. `progress` is told of each phase. False after errors have
/// been emitted; throws nyala::Error.
bool compileStep(mlir::ModuleOp model, const TrainOptions &options, const std::string &path,
                 llvm::function_ref<void(const std::string &)> progress);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_STEPCOMPILER_H
