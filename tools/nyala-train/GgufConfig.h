//===- GgufConfig.h - config.json of a model of a GGUF file -----*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_GGUFCONFIG_H
#define NYALA_TOOLS_NYALA_TRAIN_GGUFCONFIG_H

#include "mlir/IR/BuiltinOps.h"

#include <nlohmann/json.hpp>

namespace nyala::train {

/// What a llama checkpoint says of a model that was imported as GGUF's `llama` (phase `input`).
/// Throws nyala::Error for what such a configuration cannot say: part of a head rotating,
/// frequencies that are scaled otherwise than linearly, biases of some projections alone.
nlohmann::json makeGgufConfig(mlir::ModuleOp module);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_GGUFCONFIG_H
