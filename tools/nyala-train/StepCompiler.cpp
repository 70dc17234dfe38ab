#include "tools/nyala-train/StepCompiler.h"
#include "codegen/Pipelines.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/package/ArtifactWriter.h"
#include "ir/NyalaDialect.h"
#include "ir/storage/Error.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace nyala::train {

static void setTarget(ModuleOp module, const std::string &cpu) {
  MLIRContext *context = module.getContext();
  std::string error;
  FailureOr<CpuTargetAttr> target = cpu::getCpuTarget(context, cpu, error);
  if (failed(target))
    throw Error(error);
  module->setAttr(NyalaDialect::kTargetAttr, *target);
  NamedAttrList facts(module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr));
  facts.set("arithmetic", StringAttr::get(context, "f32"));
  module->setAttr(NyalaDialect::kModelAttr, facts.getDictionary(context));
}

static void buildTrainingPipeline(OpPassManager &pm, const TrainOptions &options) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createShareRopeTables());
  BuildLossOptions loss;
  loss.batch = options.batch;
  loss.length = options.length;
  pm.addPass(createBuildLoss(loss));
  DifferentiateOptions differentiate;
  differentiate.train = options.trained;
  pm.addPass(createDifferentiate(differentiate));
  AddOptimizerOptions optimizer;
  optimizer.kind = options.optimizer;
  optimizer.beta1 = options.beta1;
  optimizer.beta2 = options.beta2;
  optimizer.epsilon = options.epsilon;
  optimizer.momentum = options.momentum;
  optimizer.weightDecay = options.weightDecay;
  optimizer.clip = options.clip;
  optimizer.accumulate = options.accumulate;
  pm.addPass(createAddOptimizer(optimizer));
  pm.addNestedPass<func::FuncOp>(createExpandCrossEntropy());
  if (options.precision == "bf16")
    pm.addNestedPass<func::FuncOp>(createRoundProducts());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

bool compileStep(ModuleOp model, const TrainOptions &options, const std::string &path,
                 llvm::function_ref<void(const std::string &)> progress) {
  OwningOpRef<ModuleOp> module = model.clone();
  setTarget(*module, options.cpu);
  auto run = [&](const char *phase, auto build) {
    progress(std::string("phase ") + phase);
    PassManager pm(module->getContext());
    build(pm);
    return succeeded(pm.run(*module));
  };
  if (!run("model", [&](OpPassManager &pm) { buildTrainingPipeline(pm, options); }) ||
      !run("dispatch", buildDispatchPipeline) || !run("kernel", buildKernelPipeline) ||
      !run("program", buildProgramPipeline))
    return false;
  progress("code generation");
  FailureOr<cpu::CodeImage> image = cpu::compileKernels(*module);
  if (failed(image))
    return false;
  package::ArtifactOptions artifact;
  artifact.path = path;
  package::writeArtifact(*module, *image, std::nullopt, artifact);
  return true;
}

} // namespace nyala::train
