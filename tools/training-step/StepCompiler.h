//===- StepCompiler.h - A model's training step as an artifact --*- C++ -*-===//
#ifndef NYALA_TOOLS_TRAININGSTEP_STEPCOMPILER_H
#define NYALA_TOOLS_TRAININGSTEP_STEPCOMPILER_H

#include "tools/run-support/KvSharing.h"
#include "tools/training-step/StepOptions.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace nyala::train {

/// What `precision` stands for on these CPUs (`nyala.cpu_target`s): of auto bf16 if all multiply
/// it, else f32.
std::string choosePrecision(mlir::ArrayAttr targets, const std::string &precision);

/// Puts what phases need to know of a step into a module of the phase `input`.
void setStepTargets(mlir::ModuleOp module, mlir::ArrayAttr targets);

/// input -> model: the entry points of a step. The precision has been chosen.
void buildStepModelPipeline(mlir::OpPassManager &pm, const StepOptions &options,
                            const KvSharing &sharing);

/// Adds the pass that makes the step fit, if there is a budget. On dispatches it comes right before
/// buildProgramPipeline.
void addRematerialization(mlir::OpPassManager &pm, const MemoryOptions &options);

/// "recomputation: 270 nodes, budget 3.0 MB, …" of a module that the pass has rewritten; "" of
/// others.
std::string describeRecomputation(mlir::ModuleOp module);

/// What compiling a step tells.
struct CompiledStep {
  std::string recomputation; ///< as describeRecomputation says it
};

/// Compiles the step of a model of the phase `input`, which is left as it is, and writes the
/// artifact, without the model's weights. The precision has been chosen. `progress` is told of each
/// phase. Nothing after errors have been emitted; throws nyala::Error.
std::optional<CompiledStep> compileStep(mlir::ModuleOp model, const StepOptions &options,
                                        mlir::ArrayAttr targets, const std::string &path,
                                        llvm::function_ref<void(const std::string &)> progress);

} // namespace nyala::train

#endif // NYALA_TOOLS_TRAININGSTEP_STEPCOMPILER_H
