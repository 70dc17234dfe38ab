#include "tools/nyala-train/StepCompiler.h"
#include "codegen/Pipelines.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/ObjectCompiler.h"
#include "codegen/package/ArtifactWriter.h"
#include "ir/NyalaDialect.h"
#include "ir/storage/Error.h"
#include "passes/Pipelines.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace nyala::train {

static CpuTargetAttr getTarget(MLIRContext *context, const std::string &cpu) {
  std::string error;
  FailureOr<CpuTargetAttr> target = cpu::getCpuTarget(context, cpu, error);
  if (failed(target))
    throw Error(error);
  return *target;
}

std::string choosePrecision(MLIRContext &context, const TrainOptions &options) {
  if (options.precision != "auto")
    return options.precision;
  return getTarget(&context, options.cpu).hasFeature("avx512bf16") ? "bf16" : "f32";
}

static void setTarget(ModuleOp module, const std::string &cpu) {
  MLIRContext *context = module.getContext();
  module->setAttr(NyalaDialect::kTargetsAttr, ArrayAttr::get(context, {getTarget(context, cpu)}));
  NamedAttrList facts(module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr));
  facts.set("arithmetic", StringAttr::get(context, "f32"));
  module->setAttr(NyalaDialect::kModelAttr, facts.getDictionary(context));
}

static void setOptions(TrainingPipelineOptions &step, const TrainOptions &options) {
  step.batch = options.batch;
  step.length = options.length;
  step.train = options.trained;
  step.optimizer = options.optimizer;
  step.beta1 = options.beta1;
  step.beta2 = options.beta2;
  step.epsilon = options.epsilon;
  step.momentum = options.momentum;
  step.weightDecay = options.weightDecay;
  step.clip = options.clip;
  step.accumulate = options.accumulate;
  step.bf16 = options.precision == "bf16";
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
  TrainingPipelineOptions step;
  setOptions(step, options);
  if (!run("model", [&](OpPassManager &pm) { buildTrainingPipeline(pm, step); }) ||
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
