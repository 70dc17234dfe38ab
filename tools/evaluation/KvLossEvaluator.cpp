//===- KvLossEvaluator.cpp - Running a model to search for a map ----------===//
//
// Kernels and weights are the same whatever the map: only the caches differ that
// attention reads. So a model is compiled once, without sharing, and its
// weights are written once; for each map the entries' dispatches are linked
// anew, planned, and written as a small artifact beside the same weights.
//
//===----------------------------------------------------------------------===//
#include "tools/evaluation/KvLossEvaluator.h"
#include "codegen/Passes.h"
#include "codegen/Pipelines.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/ObjectCompiler.h"
#include "codegen/package/ArtifactWriter.h"
#include "frontends/Import.h"
#include "ir/Variants.h"
#include "ir/storage/Error.h"
#include "passes/Pipelines.h"
#include "passes/kv/KvLoss.h"
#include "runtime/core/Status.h"
#include "tools/evaluation/TemporaryArtifact.h"
#include "tools/run-support/Perplexity.h"
#include "tools/run-support/Prompt.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <cstdio>
#include <limits>
#include <unistd.h>

using namespace mlir;
using namespace nyala;

namespace {

class KvLossEvaluator : public kv::KvLoss {
public:
  KvLossEvaluator(ModuleOp model, StringRef calibration) : loc(model.getLoc()) {
    compile(model);
    readText(calibration.str());
  }

  size_t getWindows() const override { return ids.size() / window; }

  FailureOr<double> compute(ArrayRef<int64_t> map, size_t first, size_t count) override {
    try {
      if (!map.empty())
        link(map);
      double sum = 0;
      Model artifact(temporary.getPath());
      Session session(artifact, {.context = 0, .threads = 0, .sequences = 1}, greedySampler);
      for (size_t i = first; i < first + count; ++i)
        sum += computeNegativeLogLikelihood(session, artifact.getInfo().vocabulary,
                                            std::span(ids).subspan(i * window, window));
      double loss = sum / static_cast<double>(count * (window - 1));
      showProgress(loss);
      // A map under which activations overflow is as bad as can be.
      return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
    } catch (const Error &error) {
      return emitError(loc, error.what());
    } catch (const rt::Failure &failure) {
      return emitError(loc, failure.what());
    }
  }

private:
  //===--------------------------------------------------------------------===//
  // Once for a model
  //===--------------------------------------------------------------------===//

  void compile(ModuleOp model) {
    OwningOpRef<ModuleOp> module = model.clone();
    // Whatever the model is to be compiled for: here it has to run, once, on this machine.
    std::string error;
    FailureOr<ArrayAttr> targets = cpu::getCpuTargets(module->getContext(), "native", error);
    if (failed(targets))
      throw Error(error);
    (*module)->setAttr(NyalaDialect::kTargetsAttr, *targets);
    ModelPipelineOptions options;
    auto facts = (*module)->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
    auto getFact = [&](StringRef name) {
      auto fact = facts ? facts.getAs<StringAttr>(name) : StringAttr();
      return fact ? fact.getValue() : StringRef();
    };
    auto modelContext = facts ? facts.getAs<IntegerAttr>("context") : IntegerAttr();
    if (modelContext)
      window = std::min<size_t>(perplexityWindow, modelContext.getInt());
    options.context = static_cast<int64_t>(window);
    options.native = getFact("arithmetic") == "native";
    if (StringRef type = getFact("kv_type"); !type.empty())
      options.kvType = type.str();
    run(*module, [&](OpPassManager &pm) {
      buildModelPipeline(pm, options);
      buildDispatchPipeline(pm);
      buildKernelPipeline(pm);
    });

    // Planning needs of generated kernels what their attributes say.
    entries = module->clone();
    for (ModuleOp variant : getVariants(*entries))
      for (auto function : variant.getOps<func::FuncOp>()) {
        function.eraseBody();
        function.setPrivate();
      }
    run(*module, buildProgramPipeline);
    program = std::move(module);
    FailureOr<std::vector<CodeImage>> compiled = cpu::compileKernels(*program);
    if (failed(compiled))
      throw Error("the model could not be compiled for calibration");
    images = std::move(*compiled);
    if (auto file = (*program)->getAttrOfType<StringAttr>(NyalaDialect::kTokenizerAttr))
      tokenizer = importTokenizer(file.getValue().str());
    weightsChecksum = write();
  }

  template <typename Build> static void run(ModuleOp module, Build build) {
    PassManager pm(module.getContext());
    build(pm);
    if (failed(pm.run(module)))
      throw Error("the model could not be compiled for calibration");
  }

  /// Returns the checksum of the weights.
  uint64_t write() {
    package::ArtifactOptions artifact;
    artifact.path = temporary.getPath();
    artifact.externalWeights = true;
    artifact.writtenWeights = weightsChecksum;
    return package::writeArtifact(*program, images, tokenizer, artifact).weightsChecksum;
  }

  void readText(const std::string &path) {
    Model artifact(temporary.getPath());
    const std::string text = nyala::readText(path);
    checkText(text, "'" + path + "'");
    ids = artifact.tokenize(text, /*special=*/false); // as nyala-run --perplexity does
    if (ids.size() < window)
      throw Error("'" + path + "' has " + std::to_string(ids.size()) +
                  " tokens; calibration needs at least " + std::to_string(window));
  }

  //===--------------------------------------------------------------------===//
  // For each map
  //===--------------------------------------------------------------------===//

  /// Makes the artifact one whose layers read the caches that `map` says.
  void link(ArrayRef<int64_t> map) {
    OwningOpRef<ModuleOp> linked = entries->clone();
    for (auto function : linked->getOps<func::FuncOp>())
      linkEntry(function, map);
    run(*linked, [](OpPassManager &pm) { pm.addPass(createBuildPrograms()); });
    for (auto old : llvm::make_early_inc_range(program->getOps<ProgramOp>()))
      old.erase();
    for (auto fresh : llvm::make_early_inc_range(linked->getOps<ProgramOp>()))
      fresh->moveBefore(program->getBody(), program->getBody()->end());
    write();
  }

  // %a1 = nyala.dispatch @attention … (%q1, %keys1, %values1, …)
  //   ->
  // %a1 = nyala.dispatch @attention … (%q1, %keys0, %values0, …)
  static void linkEntry(func::FuncOp function, ArrayRef<int64_t> map) {
    // A layer's attention is the dispatch that reads caches and updates none.
    SmallVector<SmallVector<OpOperand *>> reads;
    SmallVector<SmallVector<Value>> caches;
    function.walk([&](DispatchOp dispatch) {
      SmallVector<OpOperand *> operands;
      SmallVector<Value> values;
      for (OpOperand &operand : dispatch.getInputsMutable()) {
        auto type = cast<RankedTensorType>(operand.get().getType());
        if (type.getRank() != 3 ||
            llvm::any_of(dispatch.getTied(), [](int64_t tied) { return tied >= 0; }))
          continue;
        operands.push_back(&operand);
        values.push_back(operand.get());
      }
      if (operands.empty())
        return;
      reads.push_back(operands);
      caches.push_back(values);
    });
    if (reads.size() != map.size())
      throw Error("internal error: " + std::to_string(reads.size()) + " dispatches of '" +
                  function.getName().str() + "' read caches, expected one for each of the " +
                  std::to_string(map.size()) + " layers");
    for (auto [operands, producer] : llvm::zip_equal(reads, map))
      for (auto [operand, cache] : llvm::zip_equal(operands, caches[producer]))
        operand->set(cache);
  }

  /// A line that is rewritten, on a terminal only.
  void showProgress(double loss) {
    ++computed;
    if (isatty(STDERR_FILENO))
      std::fprintf(stderr, "\r\033[Kcalibration: %zu evaluations, the last one's loss %.4f\r",
                   computed, loss);
  }

  Location loc;
  TemporaryArtifact temporary{"nyala-calibration"};
  size_t window = perplexityWindow; ///< tokens
  OwningOpRef<ModuleOp> entries;    ///< phase kernel, generated kernels without bodies
  OwningOpRef<ModuleOp> program;    ///< phase program, of the last map
  std::vector<CodeImage> images;
  std::optional<TokenizerData> tokenizer;
  std::optional<uint64_t> weightsChecksum; ///< once they are written
  Tokens ids;
  size_t computed = 0;
};

class KvLossModel : public kv::KvLossInterface {
public:
  using KvLossInterface::KvLossInterface;

  std::unique_ptr<kv::KvLoss> create(ModuleOp model, StringRef calibration) const override {
    try {
      return std::make_unique<KvLossEvaluator>(model, calibration);
    } catch (const Error &error) {
      emitError(model.getLoc(), error.what());
    } catch (const rt::Failure &failure) {
      emitError(model.getLoc(), failure.what());
    }
    return nullptr;
  }
};

} // namespace

void nyala::registerKvLoss(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *, NyalaDialect *dialect) { dialect->addInterface<KvLossModel>(); });
}
