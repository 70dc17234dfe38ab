//===- Checkpoint.h - The directory that training writes --------*- C++ -*-===//
//
// For transformers and nyala-compile: config.json, model.safetensors (f32), the
// tokenizer's files. For --resume: training_state.safetensors. Each is written
// aside and renamed, the state first: killed at any moment, the last state is
// whole, and model.safetensors is that of this state or the one before.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_CHECKPOINT_H
#define NYALA_TOOLS_NYALA_TRAIN_CHECKPOINT_H

#include "tools/nyala-train/TrainedModel.h"
#include "tools/nyala-train/TrainingState.h"

#include <map>

namespace nyala::train {

class Checkpoint {
public:
  /// Makes the directory, and keeps other nyala-trains from it as long as this lives. Removes files
  /// that a killed one left unfinished. A directory that was made and nothing written to goes with
  /// this. Throws nyala::Error.
  explicit Checkpoint(const std::string &directory);
  ~Checkpoint();
  Checkpoint(const Checkpoint &) = delete;
  Checkpoint &operator=(const Checkpoint &) = delete;

  std::string getPath(const std::string &name) const { return directory + "/" + name; }
  std::string getStatePath() const { return getPath("training_state.safetensors"); }
  bool hasState() const;
  /// Removes the state and the model, for a run that begins anew.
  void clear() const;

  /// Writes all files: those of `texts` (by name) only if they differ. Throws rt::Failure.
  void write(const TrainedModel &model, const std::map<std::string, std::string> &texts,
             const RunState &run, std::span<const StateValues> states) const;

private:
  std::string directory;
  int descriptor = -1;
  bool isNew = false;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_CHECKPOINT_H
