//===- StepOptions.h - What a training step is to compute -------*- C++ -*-===//
//
// Options that nyala-train and nyala-compile --training-step have in common: those
// that decide what a step computes, and what memory it may take.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_TRAININGSTEP_STEPOPTIONS_H
#define NYALA_TOOLS_TRAININGSTEP_STEPOPTIONS_H

#include "passes/remat/Budget.h"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

namespace nyala::train {

/// What a step may take, and how recomputation is chosen so that it does
/// (docs/rematerialization.md). Changes no result of a step.
struct MemoryOptions {
  std::optional<remat::Budget> budget; ///< none: everything is kept
  std::string method = "optimal";
  double timeLimit = 60; ///< seconds
  std::string costs;     ///< file of measured costs; "": analytic
  std::string report;    ///< file; "": none
  int64_t workers = 1;   ///< threads of the runtime, which have scratch each
};

/// Defaults fit a machine of two cores and a model of about a hundred million weights.
struct StepOptions {
  int64_t batch = 2, length = 256, accumulate = 1;
  std::string optimizer = "adamw";
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, momentum = 0.9, weightDecay = 0.1, clip = 1;
  std::string trained;           ///< regular expression of weights; "": all
  std::string precision = "f32"; ///< f32, bf16, or auto: see choosePrecision
  MemoryOptions memory;
};

/// Adds --batch, --seq, --accumulate, --optimizer and its numbers, --train and --precision. Returns
/// them.
std::vector<CLI::Option *> addStepOptions(CLI::App &app, StepOptions &options);

/// Adds --memory-budget and, for those who have one, --remat-*. Returns them, --memory-budget
/// first.
std::vector<CLI::Option *> addMemoryOptions(CLI::App &app, MemoryOptions &options);

} // namespace nyala::train

#endif // NYALA_TOOLS_TRAININGSTEP_STEPOPTIONS_H
