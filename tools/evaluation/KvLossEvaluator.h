//===- KvLossEvaluator.h - Running a model to search for a map --*- C++ -*-===//
#ifndef NYALA_TOOLS_EVALUATION_KVLOSSEVALUATOR_H
#define NYALA_TOOLS_EVALUATION_KVLOSSEVALUATOR_H

#include "mlir/IR/DialectRegistry.h"

namespace nyala {

/// Attaches kv::KvLossInterface to the dialect. It compiles the model for its target (without one,
/// for this machine), into a temporary artifact, and runs that.
void registerKvLoss(mlir::DialectRegistry &registry);

} // namespace nyala

#endif // NYALA_TOOLS_EVALUATION_KVLOSSEVALUATOR_H
