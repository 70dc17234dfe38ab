//===- Compiler.cpp - From a model file to an artifact --------------------===//
#include "tools/nyala-compile/Compiler.h"
#include "codegen/Pipelines.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/ObjectCompiler.h"
#include "codegen/cuda/CudaTarget.h"
#include "codegen/cuda/CudaTileModels.h"
#include "codegen/cuda/PtxCompiler.h"
#include "codegen/package/ArtifactWriter.h"
#include "codegen/package/OutputFile.h"
#include "frontends/Import.h"
#include "frontends/hf/Checkpoint.h"
#include "ir/Contract.h"
#include "ir/Variants.h"
#include "ir/storage/Error.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "passes/kv/KvLoss.h"
#include "passes/kv/KvMap.h"
#include "tools/RegisterAll.h"
#include "tools/ToolSupport.h"
#include "tools/evaluation/KvLossEvaluator.h"
#include "tools/training-step/StepCompiler.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Remark/RemarkStreamer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <unistd.h>

using namespace mlir;
using namespace nyala;

static constexpr char kTool[] = "nyala-compile";

/// Rows of a prompt that a device computes together, unless the user says otherwise.
static constexpr int64_t kCpuPrefillRows = 512, kCudaPrefillRows = 2048;
/// Rows of a GPU's steps of several sequences: as many as the contract of decoding covers.
static constexpr int64_t kBatchRows = kContractRows;

static StringRef getName(Phase phase) {
  switch (phase) {
  case Phase::Input:
    return "input";
  case Phase::Model:
    return "model";
  case Phase::Dispatch:
    return "dispatch";
  case Phase::Kernel:
    return "kernel";
  case Phase::Program:
    return "program";
  case Phase::Artifact:
    break;
  }
  return "artifact";
}

static Phase next(Phase phase) { return static_cast<Phase>(static_cast<int>(phase) + 1); }

namespace {

class Compiler {
public:
  explicit Compiler(const CompileOptions &options)
      : options(options), step(options.step), context(createRegistry()),
        diagnostics(&context, kTool) {
    // The target's attribute is made before any module is read.
    context.loadDialect<NyalaDialect>();
    if (!options.remarks.empty())
      enableRemarks();
  }

  int run() {
    try {
      return compile() ? 0 : 1;
    } catch (const Error &error) {
      reportError(kTool, error.what());
      return 1;
    }
  }

private:
  static DialectRegistry createRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    cpu::registerTileModels(registry);
    cuda::registerTileModels(registry);
    registerKvLoss(registry);
    return registry;
  }

  void enableRemarks() {
    // They come in the order of the ops that they are about.
    context.disableMultithreading();
    remark::RemarkCategories categories;
    categories.passed = categories.missed = categories.analysis = categories.failed =
        options.remarks;
    (void)remark::enableOptimizationRemarks(context, nullptr,
                                            std::make_unique<remark::RemarkEmittingPolicyAll>(),
                                            categories, /*printAsEmitRemarks=*/true);
  }

  bool compile() {
    auto start = std::chrono::steady_clock::now();
    // An unknown name is wrong before a model is read.
    std::string error;
    FailureOr<ArrayAttr> targets = getTargets(error);
    if (failed(targets)) {
      reportError(kTool, error);
      return false;
    }
    if (!readInput() || !dump(options.from))
      return false;
    checkOutputs();
    for (Phase phase = options.from; phase != options.to; phase = next(phase)) {
      if (phase == Phase::Input)
        prepare(*targets);
      // Without it, that is known before the work.
      if (phase == options.from && !findAssembler())
        return false;
      if (phase == Phase::Program)
        return writeArtifact(start);
      OwningOpRef<ModuleOp> imported = // for the comparison
          next(phase) == Phase::Model && !options.calibration.empty() ? module->clone()
                                                                      : ModuleOp();
      if (!runPhase(next(phase)) || (imported && !compareSharing(*imported)) || !dump(next(phase)))
        return false;
    }
    return writeModule(options.output.empty() ? "-" : options.output);
  }

  /// The targets of all devices, those of each best first.
  FailureOr<ArrayAttr> getTargets(std::string &error) {
    SmallVector<Attribute> targets;
    auto append = [&](FailureOr<ArrayAttr> list) {
      if (succeeded(list))
        llvm::append_range(targets, *list);
      return list;
    };
    if ((options.forCpu && failed(append(cpu::getCpuTargets(&context, options.cpu, error)))) ||
        (options.forCuda &&
         failed(append(cuda::getCudaTargets(&context, options.cudaArch, error)))))
      return failure();
    return ArrayAttr::get(&context, targets);
  }

  //===--------------------------------------------------------------------===//
  // Input
  //===--------------------------------------------------------------------===//

  bool readInput() {
    if (!options.resume) {
      module = importModel(context, getModelPath(), getSizes());
      if (module && options.absentWeights)
        assumeFormats();
      return module && checkKernels() && checkSchedule() && checkWeights();
    }
    module = parseSourceFile<ModuleOp>(options.input, &context);
    if (!module)
      return false;
    Phase actual = detectPhase();
    if (actual == options.from)
      return true;
    reportError(kTool, "'" + options.input + "' is a module of the phase '" + getName(actual) +
                           "', expected '" + getName(options.from) + "'");
    return false;
  }

  /// What is left open by an ONNX graph, of which the batch is a size like others.
  ModelSizes getSizes() const {
    ModelSizes sizes;
    if (options.isStep && options.hasBatch && leavesSizesOpen(options.input))
      sizes.batch = options.step.batch;
    return sizes;
  }

  /// Where weights are to be absent, the folder of a checkpoint may be without them as well. A step
  /// has them as states, which begin with what the runtime is given.
  std::string getModelPath() const {
    std::filesystem::path config = std::filesystem::path(options.input) / "config.json";
    bool mayBeAbsent = options.absentWeights || options.isStep;
    return mayBeAbsent && hf::isThere(config) && !hf::hasWeights(options.input) ? config.string()
                                                                                : options.input;
  }

  /// Matrices of a model without weights are stored as native arithmetic reads them: in a file
  /// without a name, which nothing opens.
  void assumeFormats() {
    constexpr StoredFormat format = StoredFormat::Q4_0;
    if (options.arithmetic != "native")
      return;
    for (auto weight : module->getOps<WeightOp>()) {
      RankedTensorType type = weight.getTensorType();
      if (weight.getSource() || weight.getInitialValue() || type.getRank() != 2 ||
          type.getDimSize(1) % static_cast<int64_t>(getInfo(format).blockValues) != 0)
        continue;
      auto bytes = static_cast<int64_t>(storedBytes(format, type.getNumElements()));
      weight.setSourceAttr(SourceAttr::get(&context, /*file=*/"", /*offset=*/0, bytes, format));
    }
  }

  /// Kernels are those of models of rows of tokens.
  bool checkKernels() {
    bool hasPhase = options.to == Phase::Input || (options.isStep && options.to == Phase::Model);
    if (hasPhase || getFact("architecture") != "onnx")
      return true;
    reportError(kTool,
                "'" + options.input + "' is an ONNX graph, for which no kernels are generated; " +
                    (options.isStep
                         ? "--compile-to=model writes the training step, scheduled within "
                           "--memory-budget"
                         : "--compile-to=input writes its module, which nyala-interpret runs"));
    return false;
  }

  /// What fits a budget is known of kernels.
  bool checkSchedule() {
    if (!step.memory.budget || options.to >= Phase::Program || getFact("architecture") == "onnx")
      return true;
    reportError(kTool, "a step is fitted into --memory-budget in the phase program, which "
                       "--compile-to=" +
                           getName(options.to) + " does not reach");
    return false;
  }

  /// An artifact needs weights, unless they are to be absent. A module can do without them.
  bool checkWeights() {
    auto isAbsent = [](WeightOp weight) {
      return !weight.getSource() && !weight.getInitialValue();
    };
    if (options.to != Phase::Artifact || options.absentWeights || options.isStep ||
        llvm::none_of(module->getOps<WeightOp>(), isAbsent))
      return true;
    reportError(kTool,
                "'" + options.input +
                    "' is a model without weights; give the directory of a checkpoint, train "
                    "one with nyala-train, or compile it for timings by --weights=none");
    return false;
  }

  /// An artifact for GPUs needs ptxas, unless their drivers are to do its work.
  bool findAssembler() {
    if (options.to != Phase::Artifact || options.ptxOnly || !hasTarget(*module, Device::Cuda))
      return true;
    FailureOr<ArrayAttr> targets = nyala::getTargets(*module);
    std::string error;
    FailureOr<cuda::Ptxas> found = cuda::findPtxas(options.ptxas, *targets, error);
    if (succeeded(found))
      ptxas = *found;
    else
      reportError(kTool, error);
    return succeeded(found);
  }

  Phase detectPhase() {
    if (!module->getOps<ProgramOp>().empty())
      return Phase::Program;
    if (!getVariants(*module).empty())
      return Phase::Kernel;
    if (!module->getOps<KernelOp>().empty())
      return Phase::Dispatch;
    auto isEntry = [](func::FuncOp function) {
      return function->hasAttr(NyalaDialect::kEntryAttr);
    };
    return llvm::any_of(module->getOps<func::FuncOp>(), isEntry) ? Phase::Model : Phase::Input;
  }

  void prepare(ArrayAttr targets) {
    if (!options.isStep)
      return setTargets(targets);
    train::setStepTargets(*module, targets);
    step.precision = train::choosePrecision(targets, step.precision);
  }

  /// What later phases need to know goes into the module, so that they can be resumed from.
  void setTargets(ArrayAttr targets) {
    (*module)->setAttr(NyalaDialect::kTargetsAttr, targets);
    auto model = (*module)->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
    NamedAttrList facts(model ? model : DictionaryAttr::get(&context));
    facts.set("arithmetic", StringAttr::get(&context, options.arithmetic));
    facts.set("kv_type", StringAttr::get(&context, options.kvType));
    if (options.absentWeights)
      facts.set("weights", StringAttr::get(&context, "none"));
    (*module)->setAttr(NyalaDialect::kModelAttr, facts.getDictionary(&context));
  }

  //===--------------------------------------------------------------------===//
  // Phases
  //===--------------------------------------------------------------------===//

  bool runPhase(Phase phase) {
    PassManager pm(&context);
    switch (phase) {
    case Phase::Model: {
      if (options.isStep) {
        train::buildStepModelPipeline(pm, step, options.sharing);
        if (getFact("architecture") == "onnx") // goes no further: its ops are what is scheduled
          train::addRematerialization(pm, step.memory);
        break;
      }
      ModelPipelineOptions model;
      model.context = options.context;
      model.prefillRows = options.prefillRows == 0 ? kCpuPrefillRows : options.prefillRows;
      if (options.forCuda) {
        model.batchRows = kBatchRows;
        model.cudaPrefillRows = options.prefillRows == 0 ? kCudaPrefillRows : 0;
      }
      model.sequences = options.sequences;
      model.native = options.arithmetic == "native";
      model.bf16 = options.arithmetic == "bf16";
      model.kvType = options.kvType;
      model.skipPrefillTail = options.skipPrefillTail;
      model.shareKv = options.sharing.factor;
      for (int64_t producer : options.sharing.map)
        model.shareKvMap.addValue(producer);
      model.shareKvSearch = options.sharing.search;
      model.shareKvSource = options.shareKvSource;
      model.calibration = options.calibration;
      buildModelPipeline(pm, model);
      break;
    }
    case Phase::Dispatch:
      buildDispatchPipeline(pm);
      break;
    case Phase::Kernel:
      buildKernelPipeline(pm);
      break;
    case Phase::Program:
      train::addRematerialization(pm, step.memory);
      buildProgramPipeline(pm);
      break;
    case Phase::Input:
    case Phase::Artifact:
      return true;
    }
    progress("phase " + getName(phase));
    if (failed(pm.run(*module)))
      return false;
    if (std::string recomputation = train::describeRecomputation(*module);
        !recomputation.empty() && !options.quiet) {
      progress("");
      llvm::errs() << recomputation << "\n";
    }
    return true;
  }

  bool dump(Phase phase) {
    if (options.dumpDirectory.empty())
      return true;
    if (std::error_code error = llvm::sys::fs::create_directories(options.dumpDirectory)) {
      reportError(kTool, "cannot create '" + options.dumpDirectory + "': " + error.message());
      return false;
    }
    SmallString<128> path(options.dumpDirectory);
    llvm::sys::path::append(path, std::to_string(static_cast<int>(phase)) + "-" + getName(phase) +
                                      ".mlir");
    return writeModule(path);
  }

  //===--------------------------------------------------------------------===//
  // Calibration
  //===--------------------------------------------------------------------===//

  std::string getFact(StringRef name) {
    auto facts = (*module)->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
    auto fact = facts ? facts.getAs<StringAttr>(name) : StringAttr();
    return fact ? fact.getValue().str() : std::string();
  }

  /// Perplexity of the calibration text, by `model` as it is; the phase is `input`.
  FailureOr<double> computePerplexity(ModuleOp model) {
    auto *dialect = context.getLoadedDialect<NyalaDialect>();
    std::unique_ptr<kv::KvLoss> loss =
        dialect->getRegisteredInterface<kv::KvLossInterface>()->create(model, options.calibration);
    if (!loss)
      return failure();
    FailureOr<double> result = loss->compute({});
    return failed(result) ? result : FailureOr<double>(std::exp(*result));
  }

  /// Computes what sharing does to the perplexity. `imported` becomes the shared model: before any
  /// other pass, so that all logits can be had whatever else was asked for.
  bool compareSharing(ModuleOp imported) {
    FailureOr<double> before = computePerplexity(imported);
    if (failed(before))
      return false;
    ShareKvOptions share;
    if (failed(kv::parseMap(getFact("kv_sharing"), share.map)))
      return true; // nothing is shared
    share.source = getFact("kv_sharing_source");
    PassManager pm(&context);
    pm.addPass(createShareKv(share));
    if (failed(pm.run(imported)))
      return false;
    FailureOr<double> after = computePerplexity(imported);
    if (failed(after))
      return false;
    progress("");
    if (!options.quiet)
      llvm::errs() << llvm::format("perplexity of '%s': %.4f before sharing, %.4f after\n",
                                   options.calibration.c_str(), *before, *after);
    return true;
  }

  //===--------------------------------------------------------------------===//
  // Output
  //===--------------------------------------------------------------------===//

  bool writeModule(StringRef path) {
    llvm::Error error = writeOutput(path, [&](llvm::raw_ostream &os) {
      printModule(*module, os);
      return llvm::Error::success();
    });
    if (!error)
      return true;
    reportError(kTool, "cannot write '" + path + "': " + llvm::toString(std::move(error)));
    return false;
  }

  /// MODEL.nyala for MODEL.gguf, FOLDER.nyala beside a folder, whose name may have dots. A step is
  /// not written over the model's inference.
  std::string getDefaultOutput() const {
    namespace fs = std::filesystem;
    const char *extension = options.isStep ? ".step.nyala" : ".nyala";
    fs::path path(options.input);
    std::error_code error;
    if (!fs::is_directory(path, error))
      return path.replace_extension(extension).string();
    path = (path / "").lexically_normal().parent_path();
    if (path.empty() || path.filename() == "." || path.filename() == "..")
      path = fs::canonical(options.input, error);
    return path.string() + extension;
  }

  std::string getArtifactPath() const {
    return options.output.empty() ? getDefaultOutput() : options.output;
  }

  /// Throws nyala::Error if a file cannot be written: before the work, which may take minutes.
  void checkOutputs() const {
    if (options.to == Phase::Artifact)
      package::OutputFile unused(getArtifactPath());
    if (!step.memory.report.empty())
      package::OutputFile unused(step.memory.report);
  }

  bool writeArtifact(std::chrono::steady_clock::time_point start) {
    std::optional<TokenizerData> tokenizer;
    if (auto file = (*module)->getAttrOfType<StringAttr>(NyalaDialect::kTokenizerAttr);
        file && !options.isStep)
      tokenizer = importTokenizer(file.getValue().str());
    progress("code generation");
    FailureOr<std::vector<CodeImage>> images = cpu::compileKernels(*module);
    FailureOr<std::vector<CodeImage>> gpuImages = cuda::compileKernels(*module, ptxas);
    if (failed(images) || failed(gpuImages))
      return false;
    llvm::append_range(*images, std::move(*gpuImages));
    package::ArtifactOptions artifact;
    artifact.path = getArtifactPath();
    artifact.externalWeights = options.externalWeights;
    artifact.absentWeights = getFact("weights") == "none";
    artifact.progress = [&](uint64_t done, uint64_t all) {
      progress("weights " + std::to_string(all == 0 ? 100 : 100 * done / all) + "%");
    };
    package::ArtifactSummary summary =
        package::writeArtifact(*module, *images, tokenizer, artifact);
    report(artifact.path, summary, start);
    return true;
  }

  /// A line that is rewritten, on a terminal only.
  void progress(const llvm::Twine &what) {
    if (!options.quiet && isatty(STDERR_FILENO))
      llvm::errs() << "\r\033[K" << kTool << ": " << what;
  }

  void report(StringRef path, const package::ArtifactSummary &summary,
              std::chrono::steady_clock::time_point start) {
    if (options.quiet)
      return;
    progress("");
    if (isatty(STDERR_FILENO))
      llvm::errs() << "\r\033[K";
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    auto megabytes = [](uint64_t bytes) { return llvm::format("%.1f MB", bytes / 1e6); };
    llvm::errs() << path << ": " << megabytes(summary.fileBytes) << " (weights "
                 << megabytes(summary.weightBytes) << ", " << summary.kernels << " kernels: ";
    llvm::interleaveComma(summary.variants, llvm::errs(), [](const auto &variant) {
      llvm::errs() << variant.arch << (variant.format == "elf" ? "" : " " + variant.format)
                   << llvm::format(" %.0f kB", variant.codeBytes / 1e3);
    });
    llvm::errs() << "), arena " << megabytes(summary.arenaBytes);
    if (summary.residentBytes > 0)
      llvm::errs() << ", GPU weights " << megabytes(summary.residentBytes);
    if (summary.kvBytesPerToken > 0)
      llvm::errs() << ", cache " << summary.kvBytesPerToken << " bytes a token";
    else
      llvm::errs() << ", states " << megabytes(summary.stateBytes);
    llvm::errs() << "; compiled in " << llvm::format("%.1f s\n", seconds.count());
    if (std::string lossy = getFact("kv_sharing_lossy");
        !lossy.empty() && options.calibration.empty())
      llvm::errs() << kTool << ": warning: layers share keys and values, " << lossy
                   << "; --calibration TEXT shows by how much\n";
  }

  const CompileOptions &options;
  train::StepOptions step; ///< with a precision that has been chosen
  MLIRContext context;
  DiagnosticPrinter diagnostics;
  OwningOpRef<ModuleOp> module;
  std::optional<cuda::Ptxas> ptxas;
};

} // namespace

int nyala::runCompiler(const CompileOptions &options) {
  // LLVM's handler has removed unfinished outputs by then.
  llvm::sys::SetInterruptFunction([] { _exit(130); });
  return Compiler(options).run();
}
