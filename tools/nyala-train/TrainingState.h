//===- TrainingState.h - What a run is resumed from -------------*- C++ -*-===//
//
// One file, OUT/training_state.safetensors: all states of the trainer (weights
// and optimizer, f32) as tensors, and in the metadata, as JSON, the step and
// what makes it this run: model, data, options. Neither a position in the data
// nor random numbers need a place: they follow from the seed and the step.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_TRAININGSTATE_H
#define NYALA_TOOLS_NYALA_TRAIN_TRAININGSTATE_H

#include "frontends/hf/SafetensorsFile.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace nyala::train {

/// A matrix of the trainer.
struct StateValues {
  std::string name;
  uint64_t rows, columns;
  std::span<float> values;
};

struct RunState {
  uint64_t step = 0;
  /// "model", "data", "options": objects that a run which goes on must have alike.
  nlohmann::json identity;
};

/// Throws rt::Failure; the file is as it was then.
void saveTrainingState(const std::string &path, const RunState &run,
                       std::span<const StateValues> states);

class SavedTraining {
public:
  /// Throws nyala::Error for a file that is damaged or of something else.
  explicit SavedTraining(const std::string &path);

  const RunState &getRun() const { return run; }
  /// Throws nyala::Error that names the first difference to `identity`, and what to do.
  void checkIdentity(const nlohmann::json &identity) const;
  /// Copies all states. Throws nyala::Error for one that is missing, or has another shape.
  void restore(std::span<const StateValues> states) const;

private:
  hf::SafetensorsFile file;
  RunState run;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_TRAININGSTATE_H
