#include "tools/training-step/StepCompiler.h"
#include "codegen/Pipelines.h"
#include "codegen/cpu/ObjectCompiler.h"
#include "codegen/package/ArtifactWriter.h"
#include "ir/NyalaDialect.h"
#include "passes/Pipelines.h"
#include "passes/remat/StepGraph.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"

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

void addRematerialization(OpPassManager &pm, const MemoryOptions &options) {
  if (!options.budget)
    return;
  RematerializeOptions remat;
  if (options.budget->isFraction)
    remat.fraction = options.budget->fraction;
  else
    remat.budget = options.budget->bytes;
  remat.method = options.method;
  remat.timeLimit = options.timeLimit;
  if (!options.costs.empty())
    remat.costs = options.costs;
  remat.workers = options.workers;
  remat.report = options.report;
  pm.addPass(createRematerialize(remat));
}

std::string describeRecomputation(ModuleOp module) {
  auto facts = module->getAttrOfType<DictionaryAttr>(remat::kFactsAttr);
  if (!facts)
    return "";
  auto getInteger = [&](StringRef name) { return facts.getAs<IntegerAttr>(name).getInt(); };
  // What has no fraction is an integer.
  auto getNumber = [&](StringRef name) {
    auto number = facts.getAs<FloatAttr>(name);
    return number ? number.getValueAsDouble() : static_cast<double>(getInteger(name));
  };
  auto getMegabytes = [&](StringRef name) { return static_cast<double>(getInteger(name)) / 1e6; };
  return llvm::formatv(
      "recomputation: {0} nodes, budget {1:f1} MB, peak {2:f1} MB ({3:f1} MB if "
      "all is kept), overhead {4:f2}%, bound {5:f2}%, gap {6:f2} points, {7}; "
      "{8} in {9:f1} s",
      getInteger("nodes"), getMegabytes("budget"), getMegabytes("peak"), getMegabytes("plain_peak"),
      getNumber("overhead"), getNumber("bound"), getNumber("gap"),
      facts.getAs<BoolAttr>("certified").getValue() ? "certified" : "not certified",
      facts.getAs<StringAttr>("method").getValue(), getNumber("seconds"));
}

std::optional<CompiledStep> compileStep(ModuleOp model, const StepOptions &options,
                                        ArrayAttr targets, const std::string &path,
                                        llvm::function_ref<void(const std::string &)> progress) {
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
      !run("program", [&](OpPassManager &pm) {
        addRematerialization(pm, options.memory);
        buildProgramPipeline(pm);
      }))
    return std::nullopt;
  progress("code generation");
  FailureOr<std::vector<CodeImage>> images = cpu::compileKernels(*module);
  if (failed(images))
    return std::nullopt;
  package::ArtifactOptions artifact;
  artifact.path = path;
  package::writeArtifact(*module, *images, std::nullopt, artifact);
  return CompiledStep{describeRecomputation(*module)};
}

} // namespace nyala::train
