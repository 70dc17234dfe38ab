//===- Pipelines.h - Passes in their order ----------------------*- C++ -*-===//
#ifndef NYALA_PASSES_PIPELINES_H
#define NYALA_PASSES_PIPELINES_H

#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace nyala {

/// Options of nyala-model-pipeline; they go to the passes that it is made of.
struct ModelPipelineOptions : public mlir::PassPipelineOptions<ModelPipelineOptions> {
  Option<int64_t> context{
      *this, "context",
      llvm::cl::desc("Slots of a sequence's cache; 0: as many as the model was trained for"),
      llvm::cl::init(0)};
  Option<int64_t> shareKv{*this, "share-kv",
                          llvm::cl::desc("Adjacent layers that share keys and values"),
                          llvm::cl::init(-1)};
  ListOption<int64_t> shareKvMap{
      *this, "share-kv-map",
      llvm::cl::desc("For each layer the layer whose keys and values it uses")};
  Option<int64_t> shareKvSearch{*this, "share-kv-search",
                                llvm::cl::desc("Caches to keep, chosen by the loss"),
                                llvm::cl::init(-1)};
  Option<std::string> shareKvSource{
      *this, "share-kv-source",
      llvm::cl::desc("Whose projections producers of keys and values have: first or mean")};
  Option<std::string> calibration{*this, "calibration",
                                  llvm::cl::desc("Text file that a search minimizes the loss of")};
  Option<bool> native{*this, "native",
                      llvm::cl::desc("Integer products of quantized weights and activations"),
                      llvm::cl::init(false)};
  Option<bool> bf16{*this, "bf16", llvm::cl::desc("Products of operands in bf16"),
                    llvm::cl::init(false)};
  Option<std::string> kvType{*this, "kv-type",
                             llvm::cl::desc("Numbers that caches hold: f32, f16, q8 or q4"),
                             llvm::cl::init("f32")};
  Option<int64_t> decodeRows{
      *this, "decode-rows", llvm::cl::desc("Largest number of rows of @decode"), llvm::cl::init(1)};
  Option<int64_t> batchRows{*this, "batch-rows",
                            llvm::cl::desc("Largest number of rows of @batch, of GPUs; 0: none"),
                            llvm::cl::init(0)};
  Option<int64_t> cudaPrefillRows{
      *this, "cuda-prefill-rows",
      llvm::cl::desc("Largest number of rows of @cuda_prefill; 0: those of @prefill"),
      llvm::cl::init(0)};
  Option<int64_t> prefillRows{*this, "prefill-rows",
                              llvm::cl::desc("Largest number of rows of @prefill"),
                              llvm::cl::init(128)};
  Option<bool> skipPrefillTail{
      *this, "skip-prefill-tail",
      llvm::cl::desc("Only the wanted row of @prefill behind the last update of a cache"),
      llvm::cl::init(false)};
  Option<int64_t> sequences{*this, "sequences", llvm::cl::desc("Sequences that the caches hold"),
                            llvm::cl::init(1)};
};

/// From phase `input` (an imported @forward) to phase `model` (simplified entry points), on a
/// module.
void buildModelPipeline(mlir::OpPassManager &pm, const ModelPipelineOptions &options);

/// Options of nyala-training-pipeline; they go to the passes that it is made of.
struct TrainingPipelineOptions : public mlir::PassPipelineOptions<TrainingPipelineOptions> {
  Option<int64_t> batch{*this, "batch", llvm::cl::desc("Sequences of a batch"), llvm::cl::init(2)};
  Option<int64_t> length{*this, "length", llvm::cl::desc("Tokens of a sequence"),
                         llvm::cl::init(256)};
  Option<std::string> train{*this, "train",
                            llvm::cl::desc("Regular expression of the weights that are trained"),
                            llvm::cl::init("")};
  Option<int64_t> shareKv{*this, "share-kv",
                          llvm::cl::desc("Adjacent layers that share keys and values"),
                          llvm::cl::init(-1)};
  ListOption<int64_t> shareKvMap{
      *this, "share-kv-map",
      llvm::cl::desc("For each layer the layer whose keys and values it uses")};
  Option<std::string> optimizer{*this, "optimizer", llvm::cl::desc("adamw or sgd"),
                                llvm::cl::init("adamw")};
  Option<double> beta1{*this, "beta1", llvm::cl::desc("Decay of the mean of gradients"),
                       llvm::cl::init(0.9)};
  Option<double> beta2{*this, "beta2", llvm::cl::desc("Decay of the mean of squared gradients"),
                       llvm::cl::init(0.95)};
  Option<double> epsilon{*this, "epsilon", llvm::cl::desc("Added to the root of that"),
                         llvm::cl::init(1e-8)};
  Option<double> momentum{*this, "momentum", llvm::cl::desc("Decay of the velocity"),
                          llvm::cl::init(0.9)};
  Option<double> weightDecay{*this, "weight-decay", llvm::cl::desc("Decay of matrices"),
                             llvm::cl::init(0.1)};
  Option<std::string> noDecay{*this, "no-decay",
                              llvm::cl::desc("Regular expression of matrices that do not decay"),
                              llvm::cl::init("")};
  Option<double> clip{*this, "clip", llvm::cl::desc("Largest norm of all gradients; 0: any"),
                      llvm::cl::init(1.0)};
  Option<int64_t> accumulate{*this, "accumulate",
                             llvm::cl::desc("Batches whose gradients are added up"),
                             llvm::cl::init(1)};
  Option<int64_t> range{*this, "range", llvm::cl::desc("Tokens whose logits are computed together"),
                        llvm::cl::init(ExpandCrossEntropyOptions().range)};
  Option<bool> bf16{*this, "bf16", llvm::cl::desc("Products of operands in bf16"),
                    llvm::cl::init(false)};
};

/// From phase `input` to the entry points of a training step (docs/training.md), on a module.
void buildTrainingPipeline(mlir::OpPassManager &pm, const TrainingPipelineOptions &options);

/// Makes nyala-model-pipeline and nyala-training-pipeline known to tools.
void registerPipelines();

} // namespace nyala

#endif // NYALA_PASSES_PIPELINES_H
