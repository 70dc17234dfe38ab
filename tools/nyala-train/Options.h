//===- Options.h - Command line of nyala-train ------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_OPTIONS_H
#define NYALA_TOOLS_NYALA_TRAIN_OPTIONS_H

#include "tools/nyala-train/Schedule.h"
#include "tools/run-support/KvSharing.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace nyala::train {

/// Defaults fit a machine of two cores and a model of about a hundred million weights.
struct TrainOptions {
  std::string model, data, output;
  std::string log;  ///< "": OUTPUT/metrics.jsonl
  std::string eval; ///< data; "": none
  uint64_t evalEvery = 100;
  std::string tokenizer; ///< "": the model's own; a path
  int64_t bpe = 0;       ///< size of the vocabulary to train; 0: none

  uint64_t saveEvery = 100;
  int64_t batch = 2, length = 256, accumulate = 1;
  uint64_t seed = 0;
  Schedule schedule; ///< its `steps` is --steps
  std::string optimizer = "adamw";
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, momentum = 0.9, weightDecay = 0.1, clip = 1;
  std::string trained; ///< regular expression of weights; "": all
  KvSharing sharing;
  std::string precision = "f32"; ///< f32, bf16, or auto: see choosePrecision
  std::string cpu = "native";
  uint32_t threads = 0;
  bool resume = false, overwrite = false, quiet = false;

  std::string getLog() const { return log.empty() ? output + "/metrics.jsonl" : log; }
  /// Those that decide what a step computes; how many there are is none of them.
  nlohmann::json describe() const;
};

/// The exit code if the program should end now: 0 after --help or --version, 2 after an error in
/// usage has been printed.
std::optional<int> parseOptions(int argc, char **argv, TrainOptions &options);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_OPTIONS_H
