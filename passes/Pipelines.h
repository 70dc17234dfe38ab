//===- Pipelines.h - Passes in their order ----------------------*- C++ -*-===//
#ifndef NYALA_PASSES_PIPELINES_H
#define NYALA_PASSES_PIPELINES_H

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
  Option<std::string> kvType{*this, "kv-type",
                             llvm::cl::desc("Numbers that caches hold: f32, f16, q8 or q4"),
                             llvm::cl::init("f32")};
  Option<int64_t> decodeRows{
      *this, "decode-rows", llvm::cl::desc("Largest number of rows of @decode"), llvm::cl::init(1)};
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

/// Makes nyala-model-pipeline known to tools.
void registerPipelines();

} // namespace nyala

#endif // NYALA_PASSES_PIPELINES_H
