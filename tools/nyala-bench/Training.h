//===- Training.h - How long training steps take ----------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_BENCH_TRAINING_H
#define NYALA_TOOLS_NYALA_BENCH_TRAINING_H

#include "tools/nyala-bench/Options.h"
#include "tools/nyala-bench/Report.h"

namespace nyala {

/// Is the artifact a training step, which generates nothing?
bool isTrainingStep(const Model &model);

/// Times whole steps (forward, backward, optimizer) of a training step's artifact: weights and
/// tokens are made up. Reports them, with --per-dispatch their kernels too; with --profile-ops
/// writes the file of costs.
void benchTraining(const Model &model, const BenchOptions &options, uint32_t threads,
                   Report &report);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_BENCH_TRAINING_H
