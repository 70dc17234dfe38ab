//===- Dispatches.cpp - What the steps of a program take ------------------===//

#include "tools/nyala-bench/Dispatches.h"
#include "tools/nyala-bench/Report.h"

#include <algorithm>

namespace nyala {

static void addStep(void *user, const nyala_step_profile *step) {
  static_cast<std::vector<DispatchCost> *>(user)->push_back({step->entry,
                                                             step->kernel,
                                                             step->key ? step->key : step->kernel,
                                                             {step->step},
                                                             step->calls,
                                                             step->seconds,
                                                             step->busy_seconds,
                                                             step->bytes,
                                                             step->flops});
}

std::vector<DispatchCost> profileSteps(Session &session, uint64_t units,
                                       const std::function<void()> &work) {
  std::vector<DispatchCost> steps;
  check(nyala_session_profile_begin(session.get()));
  work();
  check(nyala_session_profile_end(session.get(), addStep, &steps));
  const auto divisor = static_cast<double>(units);
  for (DispatchCost &step : steps) {
    step.seconds /= divisor;
    step.busySeconds /= divisor;
    step.bytes /= divisor;
    step.flops /= divisor;
  }
  return steps;
}

std::vector<DispatchCost> profileSteps(nyala_trainer *trainer, const std::function<void()> &work) {
  std::vector<DispatchCost> steps;
  check(nyala_trainer_profile_begin(trainer));
  work();
  check(nyala_trainer_profile_end(trainer, addStep, &steps));
  return steps;
}

std::vector<DispatchCost> takeMedians(const std::vector<std::vector<DispatchCost>> &profiles) {
  std::vector<DispatchCost> steps = profiles.front();
  std::vector<double> seconds(profiles.size()), busySeconds(profiles.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    for (size_t j = 0; j < profiles.size(); ++j) {
      seconds[j] = profiles[j][i].seconds;
      busySeconds[j] = profiles[j][i].busySeconds;
    }
    steps[i].seconds = getMedian(seconds);
    steps[i].busySeconds = getMedian(busySeconds);
  }
  return steps;
}

std::vector<DispatchCost> groupByKernel(const std::vector<DispatchCost> &steps) {
  std::vector<DispatchCost> kernels;
  for (const DispatchCost &step : steps) {
    const auto same = std::ranges::find_if(kernels, [&](const DispatchCost &kernel) {
      return kernel.entry == step.entry && kernel.kernel == step.kernel;
    });
    if (same == kernels.end()) {
      kernels.push_back(step);
      continue;
    }
    same->steps.insert(same->steps.end(), step.steps.begin(), step.steps.end());
    same->calls += step.calls;
    same->seconds += step.seconds;
    same->busySeconds += step.busySeconds;
    same->bytes += step.bytes;
    same->flops += step.flops;
  }
  std::ranges::sort(kernels, std::greater(), &DispatchCost::seconds);
  return kernels;
}

} // namespace nyala
