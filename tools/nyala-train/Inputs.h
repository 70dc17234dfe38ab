//===- Inputs.h - All that a training begins with ---------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_INPUTS_H
#define NYALA_TOOLS_NYALA_TRAIN_INPUTS_H

#include "tools/nyala-train/Options.h"
#include "tools/nyala-train/TrainedModel.h"

#include <map>

namespace nyala::train {

struct Inputs {
  std::unique_ptr<TrainedModel> model;
  std::vector<int32_t> tokens, evalTokens;
  /// The checkpoint's files besides the weights: config.json, the tokenizer's.
  std::map<std::string, std::string> texts;
};

/// Reads data and model, trains a tokenizer if one is asked for, and checks that they suit each
/// other. `progress` is told what takes time, `note` what the user should know. False after errors
/// have been emitted; throws nyala::Error or rt::Failure.
bool readInputs(mlir::MLIRContext &context, const TrainOptions &options, Inputs &inputs,
                llvm::function_ref<void(const std::string &)> progress,
                llvm::function_ref<void(const std::string &)> note);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_INPUTS_H
