#include "tools/nyala-train/Loop.h"
#include "ir/storage/Error.h"
#include "runtime/core/Status.h"
#include "tools/nyala-train/Progress.h"
#include "tools/run-support/Interrupt.h"

#include <chrono>
#include <cmath>

namespace nyala::train {

Loop::Loop(const TrainOptions &options, const Inputs &inputs, const Checkpoint &checkpoint,
           rt::Trainer &trainer, nlohmann::json identity)
    : options(options), inputs(inputs), checkpoint(checkpoint), trainer(trainer),
      identity(std::move(identity)),
      batches(inputs.tokens, static_cast<uint64_t>(options.step.length), options.seed),
      rows(static_cast<size_t>(options.step.batch * options.step.length)), targets(rows.size()),
      lossWeights(rows.size()) {}

void Loop::initialize() {
  for (const TrainedWeight &weight : inputs.model->getWeights()) {
    throwIfInterrupted();
    const rt::Trainer::State *state = trainer.findState(weight.state);
    if (!state)
      throw Error("internal error: the training step has no state for weight '" + weight.state +
                  "'");
    inputs.model->initialize(weight, options.seed, state->values);
  }
}

void Loop::restore(const SavedTraining &checkpointed) {
  checkpointed.restore(getStates());
  step = checkpointed.getRun().step;
}

/// All but sums of gradients, which are zero between two steps.
std::vector<StateValues> Loop::getStates() const {
  std::vector<StateValues> states;
  for (const rt::Trainer::State &state : trainer.getStates())
    if (!state.name.starts_with("gradient:"))
      states.push_back({std::string(state.name), state.rows, state.columns, state.values});
  return states;
}

void Loop::save() {
  HeldInterrupts held;
  try {
    checkpoint.write(*inputs.model, inputs.texts, {step, identity}, getStates());
  } catch (const rt::Failure &failure) {
    throw Error(failure.what() +
                (checkpoint.hasState()
                     ? "; the checkpoint of step " +
                           std::to_string(SavedTraining(checkpoint.getStatePath()).getRun().step) +
                           " is whole, go on from there with --resume"
                     : std::string()));
  }
  isSaved = true;
}

void Loop::failNotFinite(const char *what, float value) {
  std::string message =
      "step " + std::to_string(step + 1) + ": the " + what + " is " + std::to_string(value);
  if (std::optional<rt::Trainer::NonFinite> found = trainer.findNonFinite()) {
    if (!found->state.empty())
      message += "; '" + std::string(found->state) + "' held a value that is not finite before";
    else
      message += "; the first value that is not finite is made by '" +
                 std::string(found->label.empty() ? found->kernel : found->label) + "' (kernel '" +
                 std::string(found->kernel) + "')";
  }
  throw Error(message + "; nothing of this step is saved: try a smaller --lr or --clip, or look at "
                        "the data");
}

Metrics Loop::runStep() {
  auto begin = std::chrono::steady_clock::now();
  Metrics metrics{};
  metrics.step = step + 1;
  metrics.rate = static_cast<float>(options.schedule.getRate(step));
  auto accumulated = static_cast<uint64_t>(options.step.accumulate);
  auto sequences = static_cast<uint64_t>(options.step.batch);
  std::ranges::fill(lossWeights,
                    static_cast<float>(1.0 / static_cast<double>(rows.size() * accumulated)));
  double loss = 0;
  for (uint64_t i = 0; i < accumulated; ++i) {
    batches.fill((step * accumulated + i) * sequences, rows, targets);
    rt::Trainer::Batch batch{rows, targets, lossWeights};
    float part;
    if (trainer.accumulates()) {
      part = trainer.accumulate(batch);
    } else {
      rt::Trainer::StepResult result = trainer.step(batch, metrics.rate);
      part = result.loss;
      metrics.gradientNorm = result.gradientNorm;
    }
    if (!std::isfinite(part))
      failNotFinite("loss", part);
    loss += part;
  }
  if (trainer.accumulates())
    metrics.gradientNorm = trainer.update(metrics.rate);
  if (!std::isfinite(metrics.gradientNorm))
    failNotFinite("norm of the gradients", metrics.gradientNorm);
  metrics.loss = static_cast<float>(loss);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  metrics.tokensPerSecond = static_cast<double>(rows.size() * accumulated) / seconds.count();
  metrics.peakBytes = trainer.getPeakBytes();
  return metrics;
}

/// The mean over all windows.
double Loop::evaluate() {
  auto length = static_cast<uint64_t>(options.step.length);
  uint64_t windows = countWindows(inputs.evalTokens.size(), length);
  double sum = 0;
  for (uint64_t first = 0; first < windows; first += static_cast<uint64_t>(options.step.batch)) {
    for (uint64_t i = 0; i < static_cast<uint64_t>(options.step.batch); ++i) {
      // The last batch is filled up with rows that do not count.
      bool counts = first + i < windows;
      size_t begin = i * length;
      readWindow(inputs.evalTokens, counts ? first + i : 0, std::span(rows).subspan(begin, length),
                 std::span(targets).subspan(begin, length));
      std::ranges::fill(std::span(lossWeights).subspan(begin, length), counts ? 1.0f : 0.0f);
    }
    sum += trainer.evaluate({rows, targets, lossWeights});
  }
  return sum / static_cast<double>(windows * length);
}

void Loop::run(MetricsLog &log) {
  Progress progress(step, options.schedule.steps, options.quiet);
  bool isInterrupted = false;
  while (step < options.schedule.steps && !isInterrupted) {
    Metrics metrics = runStep();
    ++step;
    // What is evaluated belongs to the step, so that its line does not depend on interrupts.
    if (!inputs.evalTokens.empty() && isDue(options.evalEvery))
      metrics.evalLoss = evaluate();
    isInterrupted = wasInterrupted();
    log.append(metrics);
    progress.show(metrics);
    if (isDue(options.saveEvery) || isInterrupted)
      save();
  }
  if (!isSaved && !isInterrupted)
    save();
  if (isInterrupted) {
    progress.write("interrupted; step " + std::to_string(step) +
                   " is saved, go on from there with --resume");
    throw Interrupted();
  }
}

} // namespace nyala::train
