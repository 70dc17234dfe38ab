//===- CostsFile.h - Times of kernels that are kept -------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_BENCH_COSTSFILE_H
#define NYALA_TOOLS_NYALA_BENCH_COSTSFILE_H

#include "runtime/core/OutputFile.h"
#include "tools/nyala-bench/Dispatches.h"

#include <string>

namespace nyala {

/// What a training step took.
struct StepCosts {
  std::vector<DispatchCost> steps; ///< of the program, each with the median of its times
  double stepSeconds;              ///< of a whole step
  double restSeconds;              ///< of it, outside of kernels
  uint32_t threads, batch, length, repetitions;
};

/// Writes and commits what docs/rematerialization.md, "Costs", describes; passes/remat/Costs.h
/// reads it. Throws rt::Failure.
void writeCosts(rt::OutputFile &file, const nyala_model_info &model, const StepCosts &costs);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_BENCH_COSTSFILE_H
