#include "tools/training-step/StepCompiler.h"
#include "codegen/Pipelines.h"
#include "codegen/cpu/ObjectCompiler.h"
#include "codegen/package/ArtifactWriter.h"
#include "ir/NyalaDialect.h"
#include "passes/Pipelines.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace nyala::train {

std::string choosePrecision(ArrayAttr targets, const std::string &precision) {
  if (precision != "auto")
    return precision;
  return llvm::all_of(targets.getAsRange<CpuTargetAttr>(),
                      [](CpuTargetAttr target) { return target.hasFeature("avx512bf16"); })
             ? "bf16"
             : "f32";
}

void setStepTargets(ModuleOp module, ArrayAttr targets) {
  MLIRContext *context = module.getContext();
  module->setAttr(NyalaDialect::kTargetsAttr, targets);
  NamedAttrList facts(module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr));
  facts.set("arithmetic", StringAttr::get(context, "f32"));
  module->setAttr(NyalaDialect::kModelAttr, facts.getDictionary(context));
}

void buildStepModelPipeline(OpPassManager &pm, const StepOptions &options,
                            const KvSharing &sharing) {
  TrainingPipelineOptions step;
  step.batch = options.batch;
  step.length = options.length;
  step.train = options.trained;
  step.shareKv = sharing.factor;
  for (int64_t producer : sharing.map)
    step.shareKvMap.addValue(producer);
  step.optimizer = options.optimizer;
  step.beta1 = options.beta1;
  step.beta2 = options.beta2;
  step.epsilon = options.epsilon;
  step.momentum = options.momentum;
  step.weightDecay = options.weightDecay;
  step.clip = options.clip;
  step.accumulate = options.accumulate;
  step.bf16 = options.precision == "bf16";
  buildTrainingPipeline(pm, step);
}

bool compileStep(ModuleOp model, const StepOptions &options, ArrayAttr targets,
                 const std::string &path, llvm::function_ref<void(const std::string &)> progress) {
  OwningOpRef<ModuleOp> module = model.clone();
  setStepTargets(*module, targets);
  auto run = [&](const char *phase, auto build) {
    progress(std::string("phase ") + phase);
    PassManager pm(module->getContext());
    build(pm);
    return succeeded(pm.run(*module));
  };
  if (!run("model", [&](OpPassManager &pm) { buildStepModelPipeline(pm, options, {}); }) ||
      !run("dispatch", buildDispatchPipeline) || !run("kernel", buildKernelPipeline) ||
      !run("program", buildProgramPipeline))
    return false;
  progress("code generation");
  FailureOr<std::vector<CodeImage>> images = cpu::compileKernels(*module);
  if (failed(images))
    return false;
  package::ArtifactOptions artifact;
  artifact.path = path;
  package::writeArtifact(*module, *images, std::nullopt, artifact);
  return true;
}

} // namespace nyala::train
