//===- TrainedModel.h - The model that is trained ---------------*- C++ -*-===//
//
// What is trained comes from a GGUF file, a checkpoint, or a config.json; what
// has been trained is written as a checkpoint. This knows both sides: the module
// of the phase `input`, the first values of its weights, and what the
// checkpoint's config.json and tensors are.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_TRAINEDMODEL_H
#define NYALA_TOOLS_NYALA_TRAIN_TRAINEDMODEL_H

#include "ir/NyalaOps.h"
#include "ir/storage/TokenizerData.h"
#include "tools/run-support/KvSharing.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace nyala::train {

struct ModelRequest {
  std::string path;
  KvSharing sharing;
  /// Null: none. A config.json takes its number of tokens as size of the vocabulary if `resizes`;
  /// else the model must have room for them.
  const TokenizerData *tokenizer = nullptr;
  bool resizes = false;
  bool isOther = false; ///< is it another tokenizer than the model's own?
};

/// A weight, and how the checkpoint has it.
struct TrainedWeight {
  WeightOp op;
  std::string state; ///< the name in the module, and of the trainer's state
  std::string name;  ///< in the checkpoint
  std::vector<int64_t> shape;
  int64_t rotated = 0; ///< heads whose channels rotate by neighbours, by halves in the checkpoint

  /// Row i of the checkpoint is row getOrder()[i] here; empty: as they are.
  std::vector<uint32_t> getOrder() const;
};

class TrainedModel {
public:
  /// Null after errors have been emitted. Throws nyala::Error.
  static std::unique_ptr<TrainedModel> read(mlir::MLIRContext &context,
                                            const ModelRequest &request);

  mlir::ModuleOp getModule() const { return *module; }
  /// Of the checkpoint that is written.
  const nlohmann::json &getConfig() const { return config; }
  int64_t getVocabulary() const { return getFact("vocabulary"); }
  /// What config.json said before a tokenizer's size took its place.
  std::optional<int64_t> getReplacedVocabulary() const { return replacedVocabulary; }
  int64_t getContext() const { return getFact("context"); }
  /// Those that @forward loads.
  const std::vector<TrainedWeight> &getWeights() const { return weights; }

  /// Writes the weight's first values to `values`: those of its file, dequantized; without a file
  /// random ones as transformers draws them, which depend on the seed and the weight's name alone:
  /// normal with the deviation `initializer_range` (0.02), ones for norms, zeros for biases. Throws
  /// nyala::Error.
  void initialize(const TrainedWeight &weight, uint64_t seed, std::span<float> values) const;

private:
  bool import(mlir::MLIRContext &context, const ModelRequest &request);
  bool share(const KvSharing &sharing);
  void collectWeights();
  void adaptConfig(const ModelRequest &request);
  int64_t getFact(llvm::StringRef name) const;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  bool isGguf = false;
  nlohmann::json config;
  std::optional<int64_t> replacedVocabulary;
  std::vector<TrainedWeight> weights;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_TRAINEDMODEL_H
