//===- Options.h - Command line of nyala-train ------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_OPTIONS_H
#define NYALA_TOOLS_NYALA_TRAIN_OPTIONS_H

#include "tools/nyala-train/Schedule.h"
#include "tools/run-support/KvSharing.h"
#include "tools/training-step/StepOptions.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace nyala::train {

struct TrainOptions {
  std::string model, data, output;
  std::string log;  ///< "": OUTPUT/metrics.jsonl
  std::string eval; ///< data; "": none
  uint64_t evalEvery = 100;
  std::string tokenizer; ///< "": the model's own; a path
  int64_t bpe = 0;       ///< size of the vocabulary to train; 0: none

  uint64_t saveEvery = 100;
  StepOptions step;
  uint64_t seed = 0;
  Schedule schedule; ///< its `steps` is --steps
  KvSharing sharing;
  std::string cpu = "native";
  uint32_t threads = 0;
  bool resume = false, overwrite = false, quiet = false;

  std::string getLog() const { return log.empty() ? output + "/metrics.jsonl" : log; }
  /// Those that decide what steps compute: how many there are is none of them, nor is memory.
  nlohmann::json describe() const;
};

/// The exit code if the program should end now: 0 after --help or --version, 2 after an error in
/// usage has been printed.
std::optional<int> parseOptions(int argc, char **argv, TrainOptions &options);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_OPTIONS_H
