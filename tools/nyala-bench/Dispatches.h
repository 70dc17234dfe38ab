//===- Dispatches.h - What the steps of a program take ----------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_BENCH_DISPATCHES_H
#define NYALA_TOOLS_NYALA_BENCH_DISPATCHES_H

#include "tools/run-support/Model.h"

#include <functional>

namespace nyala {

/// Time and work of one step, or of all steps of a kernel. For one token of each sequence (decode),
/// one prompt (prefill) or one training step.
struct DispatchCost {
  std::string entry;
  std::string kernel;
  std::string key;             ///< of the kernel, the same in every compilation
  std::vector<uint32_t> steps; ///< of the entry, ascending
  uint64_t calls = 0;
  double seconds = 0;     ///< until all workers were done
  double busySeconds = 0; ///< in the kernel, added up over workers
  double bytes = 0;       ///< by the compiler's cost model, as flops
  double flops = 0;
};

struct DispatchProfile {
  std::string test; ///< "decode": costs are those of a token a sequence; "prefill": a prompt's;
                    ///< "train_step"
  uint32_t threads;
  uint32_t batch; ///< sequences
  uint32_t depth;
  uint64_t tokens;    ///< of the prompt, generated in a sequence, or trained on in one
  double wallSeconds; ///< of a token a sequence, a prompt or a step, sampling included
  std::vector<DispatchCost> steps;
};

/// Runs `work` and returns what the session's steps took in it, divided by `units`.
std::vector<DispatchCost> profileSteps(Session &session, uint64_t units,
                                       const std::function<void()> &work);
/// The same of a trainer, as one unit.
std::vector<DispatchCost> profileSteps(nyala_trainer *trainer, const std::function<void()> &work);

/// Of several profiles of the same steps: each step with the median of its times.
std::vector<DispatchCost> takeMedians(const std::vector<std::vector<DispatchCost>> &profiles);

/// One cost for each kernel of each entry, the one that takes longest first.
std::vector<DispatchCost> groupByKernel(const std::vector<DispatchCost> &steps);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_BENCH_DISPATCHES_H
