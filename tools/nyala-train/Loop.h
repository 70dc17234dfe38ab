//===- Loop.h - One training step after the other ---------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_LOOP_H
#define NYALA_TOOLS_NYALA_TRAIN_LOOP_H

#include "runtime/core/Trainer.h"
#include "tools/nyala-train/Batches.h"
#include "tools/nyala-train/Checkpoint.h"
#include "tools/nyala-train/Inputs.h"
#include "tools/nyala-train/MetricsLog.h"

namespace nyala::train {

class Loop {
public:
  Loop(const TrainOptions &options, const Inputs &inputs, const Checkpoint &checkpoint,
       rt::Trainer &trainer, nlohmann::json identity);

  /// First values of all weights.
  void initialize();
  /// Values, and the step, of a checkpoint.
  void restore(const SavedTraining &saved);
  uint64_t getStep() const { return step; }

  /// Trains until the last step, or an interrupt, which it throws after saving. Throws
  /// nyala::Error, too, if a loss or a gradient is not finite: then nothing is saved.
  void run(MetricsLog &log);
  /// Writes the checkpoint, whatever interrupts come.
  void save();

private:
  std::vector<StateValues> getStates() const;
  Metrics runStep();
  double evaluate();
  [[noreturn]] void failNotFinite(const char *what, float value);
  bool isDue(uint64_t every) const { return step % every == 0 || step == options.schedule.steps; }

  const TrainOptions &options;
  const Inputs &inputs;
  const Checkpoint &checkpoint;
  rt::Trainer &trainer;
  nlohmann::json identity;
  Batches batches;
  std::vector<int32_t> rows, targets; ///< of a batch
  std::vector<float> lossWeights;
  uint64_t step = 0;    ///< that are done
  bool isSaved = false; ///< has this run written a checkpoint?
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_LOOP_H
