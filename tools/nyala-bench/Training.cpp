//===- Training.cpp - How long training steps take ------------------------===//

#include "tools/nyala-bench/Training.h"
#include "runtime/core/Status.h"
#include "tools/nyala-bench/CostsFile.h"
#include "tools/run-support/Interrupt.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>

namespace nyala {
namespace {

class TrainingBench {
public:
  TrainingBench(const Model &model, const BenchOptions &options, uint32_t threads, Report &report)
      : model(model), options(options), report(report), threads(threads),
        trainer(createTrainer(model, threads)) {
    if (options.profileOps) // before minutes of work: can it be written?
      costsFile.emplace(*options.costsFile);
    nyala_trainer_get_info(trainer.get(), &info);
    for (uint32_t i = 0; i < info.states; ++i)
      fillState(i);
    fillBatch();
  }

  void measure();

private:
  struct Close {
    void operator()(nyala_trainer *trainer) const { nyala_trainer_close(trainer); }
  };
  using Trainer = std::unique_ptr<nyala_trainer, Close>;

  static Trainer createTrainer(const Model &model, uint32_t threads) {
    const nyala_trainer_options options = {.threads = threads};
    nyala_trainer *trainer = nullptr;
    check(nyala_trainer_create(model.get(), &options, &trainer));
    return Trainer(trainer);
  }

  void fillState(uint32_t index);
  void fillBatch();
  /// Seconds of a step.
  double timeStep();
  void profileStep();
  bool wantsProfile() const { return options.perDispatch || options.profileOps; }

  const Model &model;
  const BenchOptions &options;
  Report &report;
  uint32_t threads;
  Trainer trainer;
  nyala_trainer_info info;
  std::optional<rt::OutputFile> costsFile;
  // NOLINTNEXTLINE(bugprone-random-generator-seed): the same numbers everywhere
  std::mt19937 random{1};
  Tokens tokens, targets;
  std::vector<float> lossWeights;
  // Of each repetition.
  std::vector<std::vector<DispatchCost>> profiles;
  std::vector<double> rests; ///< seconds outside of kernels
};

/// Weights as a new model has them: small and around 0, of vectors (norms) around 1. What the
/// optimizer keeps begins with 0, as it does.
void TrainingBench::fillState(uint32_t index) {
  nyala_trainer_state state;
  check(nyala_trainer_get_state(trainer.get(), index, &state));
  const std::string_view name = state.name;
  const bool isKept = name.find(':') != std::string_view::npos || name.starts_with("correction");
  if (isKept)
    return;
  constexpr float spread = 0.035F; // a standard deviation of 0.02
  const float middle = state.rows == 1 ? 1 : 0;
  for (float &value : std::span(state.values, state.rows * state.columns))
    value = middle + spread * (static_cast<float>(random()) * 0x1p-31F - 1);
}

void TrainingBench::fillBatch() {
  const size_t rows = size_t(info.batch) * info.length;
  const auto draw = [this, vocabulary = model.getInfo().vocabulary] {
    return static_cast<int32_t>(random() % vocabulary);
  };
  tokens.resize(rows);
  targets.resize(rows);
  std::ranges::generate(tokens, draw);
  std::ranges::generate(targets, draw);
  lossWeights.assign(rows, 1 / static_cast<float>(rows));
}

double TrainingBench::timeStep() {
  throwIfInterrupted();
  constexpr float rate = 1e-4F;
  const nyala_training_batch batch = {tokens.data(), targets.data(), lossWeights.data(),
                                      tokens.size()};
  float loss = 0, norm = 0;
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  if (info.accumulates) {
    check(nyala_trainer_accumulate(trainer.get(), &batch, &loss));
    check(nyala_trainer_update(trainer.get(), rate, &norm));
  } else {
    check(nyala_trainer_step(trainer.get(), &batch, rate, &loss, &norm));
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  // What is no number, or nearly 0, takes other times than what a training computes with.
  if (!std::isfinite(loss) || !std::isfinite(norm))
    throw rt::Failure(NYALA_UNSUPPORTED,
                      "the step's loss is " + std::to_string(loss) + " and the gradients' norm " +
                          std::to_string(norm) +
                          " with made-up weights; expected finite numbers: times would not be "
                          "those of a training");
  return seconds;
}

void TrainingBench::profileStep() {
  double wall = 0;
  const std::vector<DispatchCost> &steps =
      profiles.emplace_back(profileSteps(trainer.get(), [&] { wall = timeStep(); }));
  for (const DispatchCost &step : steps)
    wall -= step.seconds;
  rests.push_back(wall);
}

void TrainingBench::measure() {
  for (uint32_t i = 0; i < options.warmup; ++i)
    timeStep();
  // In turn, so that a disturbance does not stay with one.
  std::vector<double> seconds;
  for (uint32_t i = 0; i < options.repetitions; ++i) {
    seconds.push_back(timeStep());
    if (wantsProfile())
      profileStep();
  }
  Figure figure = {"train_step", threads, info.batch, 0, info.length, {}, "ms"};
  for (double sample : seconds)
    figure.samples.push_back(1000 * sample);
  report.add(figure);
  if (!wantsProfile())
    return;
  const double median = getMedian(seconds);
  const std::vector<DispatchCost> steps = takeMedians(profiles);
  if (options.perDispatch) {
    const MachineLimits limits = measureMachine(threads, info.peak_bytes, false);
    report.add(limits);
    report.add({"train_step", threads, info.batch, 0, info.length, median, steps}, limits);
  }
  if (costsFile)
    writeCosts(
        *costsFile, model.getInfo(),
        {steps, median, getMedian(rests), threads, info.batch, info.length, options.repetitions});
}

} // namespace

bool isTrainingStep(const Model &model) { return model.getInfo().max_prefill == 0; }

void benchTraining(const Model &model, const BenchOptions &options, uint32_t threads,
                   Report &report) {
  TrainingBench(model, options, threads, report).measure();
}

} // namespace nyala
