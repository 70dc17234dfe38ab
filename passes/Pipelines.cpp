//===- Pipelines.cpp - Passes in their order ------------------------------===//
#include "passes/Pipelines.h"

#include "passes/Passes.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace nyala;

void nyala::buildModelPipeline(OpPassManager &pm, const ModelPipelineOptions &options) {
  // Importers write what is simplest for them. CSE makes equal loads one value, so that passes
  // below see that two ops use the same weight.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  // First of the rewrites: it speaks of layers as they were imported, and what it leaves without a
  // reader must not be merged with what stays.
  if (options.shareKv != -1 || !options.shareKvMap.empty() || options.shareKvSearch != -1) {
    ShareKvOptions share;
    share.factor = options.shareKv;
    share.map.assign(options.shareKvMap.begin(), options.shareKvMap.end());
    share.search = options.shareKvSearch;
    share.source = options.shareKvSource;
    share.calibration = options.calibration;
    pm.addPass(createShareKv(share));
  }

  // Angles depend on positions alone: the table leaves the layers before anything counts their ops.
  pm.addNestedPass<func::FuncOp>(createShareRopeTables());

  // While projections are linears of one weight each, and after sharing has chosen who attends to
  // what.
  pm.addPass(createInterleaveRope());

  // Before linears merge: a projection whose rows only fill a dead cache would become part of a
  // product that stays.
  pm.addPass(createRemoveDeadState());

  // While there is one function: every entry gets the same merged weights, found once.
  pm.addPass(createMergeLinears());

  // After merging, which knows linears alone: merged products share one quantization anyway.
  if (options.native)
    pm.addPass(createQuantizeLinears());
  if (options.bf16)
    pm.addNestedPass<func::FuncOp>(createRoundProducts({/*tables=*/true}));

  // While a cache has one update and is not yet of a fixed size.
  if (options.kvType != "f32") {
    ConvertCachesOptions convert;
    convert.type = options.kvType;
    pm.addPass(createConvertCaches(convert));
  }

  // Last of the rewrites that look at the whole model: from here on there are two of everything.
  SpecializeEntriesOptions specialize;
  specialize.context = options.context;
  specialize.decodeRows = options.decodeRows;
  specialize.batchRows = options.batchRows;
  specialize.prefillRows = options.prefillRows;
  specialize.sequences = options.sequences;
  pm.addPass(createSpecializeEntries(specialize));

  // Only now is there an entry that takes a prompt. Weights of the tail are loaded as before.
  if (options.skipPrefillTail)
    pm.addPass(createSkipPrefillTail());

  // Programs differ from here on.
  pm.addPass(createAssignDevices({options.cudaPrefillRows}));
  // Entries of a GPU are known only now.
  pm.addNestedPass<func::FuncOp>(createSelectCandidates());

  // Cache shapes are static now: what asked for their dimensions folds.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void nyala::buildTrainingPipeline(OpPassManager &pm, const TrainingPipelineOptions &options) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  // Before the caches go: the pass knows layers by their attention to them.
  if (options.shareKv != -1 || !options.shareKvMap.empty()) {
    ShareKvOptions share;
    share.factor = options.shareKv;
    share.map.assign(options.shareKvMap.begin(), options.shareKvMap.end());
    pm.addPass(createShareKv(share));
    // A weight that only filled a cache without a reader must not become a state.
    pm.addPass(createRemoveDeadState());
  }
  pm.addNestedPass<func::FuncOp>(createShareRopeTables());

  BuildLossOptions loss;
  loss.batch = options.batch;
  loss.length = options.length;
  pm.addPass(createBuildLoss(loss));

  DifferentiateOptions differentiate;
  differentiate.train = options.train;
  pm.addPass(createDifferentiate(differentiate));

  AddOptimizerOptions optimizer;
  optimizer.kind = options.optimizer;
  optimizer.beta1 = options.beta1;
  optimizer.beta2 = options.beta2;
  optimizer.epsilon = options.epsilon;
  optimizer.momentum = options.momentum;
  optimizer.weightDecay = options.weightDecay;
  optimizer.noDecay = options.noDecay;
  optimizer.clip = options.clip;
  optimizer.accumulate = options.accumulate;
  pm.addPass(createAddOptimizer(optimizer));

  // After differentiation, which sees one op with one gradient.
  pm.addNestedPass<func::FuncOp>(createExpandCrossEntropy({options.range}));

  // Gradients of a value with several uses fold into the ops that make them.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  // Last: equal operands of several products are rounded once, where they are computed.
  if (options.bf16) {
    pm.addNestedPass<func::FuncOp>(createRoundProducts());
    pm.addPass(createCSEPass());
  }
}

void nyala::registerPipelines() {
  PassPipelineRegistration<ModelPipelineOptions>(
      "nyala-model-pipeline", "From an imported @forward to simplified entry points",
      buildModelPipeline);
  PassPipelineRegistration<TrainingPipelineOptions>(
      "nyala-training-pipeline", "From an imported @forward to the entry points of a training step",
      buildTrainingPipeline);
}
