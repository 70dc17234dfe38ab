#include "tools/nyala-train/Train.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/package/OutputFile.h"
#include "ir/storage/Error.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/RegisterAll.h"
#include "tools/ToolSupport.h"
#include "tools/evaluation/TemporaryArtifact.h"
#include "tools/nyala-train/Data.h"
#include "tools/nyala-train/Loop.h"
#include "tools/nyala-train/Progress.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/Output.h"
#include "tools/run-support/SvgPlot.h"
#include "tools/training-step/StepCompiler.h"

#include "llvm/Support/Signals.h"

#include <csignal>
#include <cstdio>
#include <malloc.h>
#include <new>
#include <unistd.h>

using namespace mlir;

namespace nyala::train {
namespace {

constexpr char tool[] = "nyala-train";

class Training {
public:
  explicit Training(const TrainOptions &options)
      : options(options), context(createRegistry(), MLIRContext::Threading::DISABLED),
        diagnostics(&context, tool) {
    context.loadDialect<NyalaDialect>();
    setTargets();
    this->options.step.memory.workers = rt::chooseThreads(options.threads);
    this->options.step.precision = choosePrecision(targets, options.step.precision);
  }

  /// False after errors have been emitted.
  bool run();

private:
  static DialectRegistry createRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    cpu::registerTileModels(registry);
    return registry;
  }

  void setTargets();
  void openCheckpoint();
  nlohmann::json describe() const;
  void checkSaved();
  std::string describeMemory(const rt::Trainer &trainer) const;
  void train();
  void plot(const std::vector<Metrics> &lines) const;

  void note(const std::string &message) const {
    if (options.quiet)
      return;
    if (isatty(STDERR_FILENO))
      std::fputs("\r\033[K", stderr);
    writeMessage(message);
  }
  /// A line that is rewritten, on a terminal only.
  void progress(const std::string &what) const {
    if (!options.quiet && isatty(STDERR_FILENO))
      std::fprintf(stderr, "\r\033[K%s: %s", tool, what.c_str());
  }

  TrainOptions options;
  MLIRContext context;
  DiagnosticPrinter diagnostics;
  ArrayAttr targets;
  Inputs inputs;
  std::optional<Checkpoint> checkpoint;
  std::optional<TemporaryArtifact> temporary;
  std::optional<CompiledStep> step;
  std::optional<SavedTraining> saved; ///< that is gone on from
};

void Training::setTargets() {
  std::string error;
  FailureOr<CpuTargetAttr> target = cpu::getCpuTarget(&context, options.cpu, error);
  if (failed(target))
    throw Error(error);
  targets = ArrayAttr::get(&context, {*target});
}

/// Nothing of an earlier run is lost without being asked for.
void Training::openCheckpoint() {
  checkpoint.emplace(options.output);
  if (options.resume) {
    if (checkpoint->hasState())
      saved.emplace(checkpoint->getStatePath());
    else
      note("'" + options.output + "' has no checkpoint to go on from: training begins anew");
  } else if (checkpoint->hasState() && !options.overwrite) {
    throw Error("'" + options.output +
                "' has a checkpoint already; go on from it with --resume, begin anew with "
                "--overwrite, or choose another directory");
  }
}

nlohmann::json Training::describe() const {
  return {{"model", inputs.model->getConfig()},
          {"data", computeFingerprint(inputs.tokens)},
          {"options", options.describe()}};
}

void Training::checkSaved() {
  saved->checkIdentity(describe());
  if (saved->getRun().step > options.schedule.steps)
    throw Error(checkpoint->getStatePath() + ": is of step " +
                std::to_string(saved->getRun().step) + ", more than --steps " +
                std::to_string(options.schedule.steps));
}

bool Training::run() {
  if (const std::string &report = options.step.memory.report; !report.empty())
    package::OutputFile unused(report); // that it cannot be written is known before the work
  openCheckpoint();
  if (!readInputs(
          context, options, inputs, [&](const std::string &what) { progress(what); },
          [&](const std::string &message) { note(message); }))
    return false;
  if (saved)
    checkSaved();
  temporary.emplace("nyala-train");
  step = compileStep(inputs.model->getModule(), options.step, targets, temporary->getPath(),
                     [&](const std::string &what) { progress(what); });
  if (!step)
    return false;
  malloc_trim(0); // what compiling took
  // Until here an interrupt ends the program; from here on it saves first.
  catchInterrupts();
  train();
  return true;
}

/// The memory that is planned: all that steps use.
std::string Training::describeMemory(const rt::Trainer &trainer) const {
  uint64_t weights = 0;
  for (const TrainedWeight &weight : inputs.model->getWeights())
    if (const rt::Trainer::State *state = trainer.findState(weight.state))
      weights += state->values.size_bytes();
  const rt::MemoryUse &use = trainer.getMemory();
  return "memory " + formatBytes(use.getTotal()) + ": weights " + formatBytes(weights) +
         ", optimizer " + formatBytes(use.states - weights) + ", gradients and activations " +
         formatBytes(use.arena) + ", arguments and scratch " + formatBytes(use.rest);
}

void Training::train() {
  rt::Artifact artifact(temporary->getPath());
  rt::CpuDevice device(artifact);
  rt::Trainer trainer(device, {.threads = options.threads});
  temporary.reset(); // it is mapped
  Loop loop(options, inputs, *checkpoint, trainer, describe());
  if (saved)
    loop.restore(*saved);
  else
    loop.initialize();
  MetricsLog log(options.getLog(), loop.getStep());
  if (saved)
    note("going on from the checkpoint of step " + std::to_string(loop.getStep()) +
         (log.getCut() > 0 ? "; " + std::to_string(log.getCut()) + " later lines of '" +
                                 options.getLog() + "' are cut off"
                           : ""));
  else if (log.getCut() > 0)
    note("the " + std::to_string(log.getCut()) + " lines of '" + options.getLog() +
         "' are replaced");
  if (!saved && options.overwrite)
    checkpoint->clear();
  saved.reset();
  uint64_t windows = countWindows(inputs.tokens.size(), static_cast<uint64_t>(options.step.length));
  note(std::to_string(inputs.tokens.size()) + " tokens, " + std::to_string(windows) +
       " windows; a step has " + std::to_string(options.step.batch * options.step.accumulate) +
       " of " + std::to_string(options.step.length) + " tokens");
  note(describeMemory(trainer));
  if (!step->recomputation.empty())
    note(step->recomputation);
  loop.run(log);
  plot(log.getLines());
}

void Training::plot(const std::vector<Metrics> &lines) const {
  Curve loss{"loss", {}}, eval{"loss of --eval", {}};
  for (const Metrics &metrics : lines) {
    loss.points.emplace_back(metrics.step, metrics.loss);
    if (metrics.evalLoss)
      eval.points.emplace_back(metrics.step, *metrics.evalLoss);
  }
  Plot plot{"step", "loss", {loss}};
  if (!eval.points.empty())
    plot.curves.push_back(eval);
  writeText(checkpoint->getPath("loss.svg"), drawPlot(plot));
}

} // namespace

int runTraining(const TrainOptions &options) {
  // LLVM's handler has removed unfinished outputs by then.
  llvm::sys::SetInterruptFunction([] { _exit(130); });
  setToolName(tool);
  std::signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error of the write
  try {
    return Training(options).run() ? 0 : 1;
  } catch (const Interrupted &) {
    return 130;
  } catch (const std::bad_alloc &) {
    reportError(tool, "out of memory; try a smaller --batch or --seq");
  } catch (const std::exception &error) {
    reportError(tool, error.what());
  }
  return 1;
}

} // namespace nyala::train
