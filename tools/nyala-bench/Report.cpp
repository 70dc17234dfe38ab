//===- Report.cpp - Figures on standard output ----------------------------===//

#include "tools/nyala-bench/Report.h"
#include "tools/run-support/Output.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <numeric>

namespace nyala {
namespace {

using Json = nlohmann::ordered_json;

[[gnu::format(printf, 1, 2)]] void print(const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  writeOutput(line);
}

void print(const Json &json) { writeOutput(json.dump() + "\n"); }

/// How close a dispatch comes to the limit that binds it: the time that its bytes or its FLOPs take
/// at least, whichever is longer, by the time that it took.
struct Share {
  const char *bound;
  double value;
};

Share getShare(const DispatchCost &cost, const MachineLimits &limits) {
  const double reading = cost.bytes / limits.bytesPerSecond;
  const double computing = limits.flopsPerSecond > 0 ? cost.flops / limits.flopsPerSecond : 0;
  return reading >= computing ? Share{"bandwidth", reading / cost.seconds}
                              : Share{"compute", computing / cost.seconds};
}

/// Part of the workers' time that they were not in the kernel: woken late, or done early.
double getWaiting(const DispatchCost &cost, uint32_t threads) {
  return std::max(0.0, 1 - cost.busySeconds / (cost.seconds * threads));
}

constexpr double milli = 1e3, giga = 1e-9, mega = 1e-6;

} // namespace

double getMedian(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void Report::add(const Figure &figure) {
  const double median = getMedian(figure.samples);
  if (json)
    return print(Json{{"test", figure.test},
                      {"threads", figure.threads},
                      {"batch", figure.batch},
                      {"depth", figure.depth},
                      {"tokens", figure.tokens},
                      {"samples", figure.samples},
                      {"median", median},
                      {"unit", figure.unit},
                      {"cpu", cpu},
                      {"device", device}});
  if (!hasHead)
    print("%-12s %7s %7s %7s %7s %10s  %-10s %s\n", "test", "threads", "batch", "depth", "tokens",
          "median", "unit", "min - max");
  hasHead = true;
  const auto [least, most] = std::ranges::minmax(figure.samples);
  print("%-12s %7u %7u %7u %7llu %10.2f  %-10s %.2f - %.2f\n", figure.test.c_str(), figure.threads,
        figure.batch, figure.depth, static_cast<unsigned long long>(figure.tokens), median,
        figure.unit.c_str(), least, most);
}

/// Of a GPU.
static void addGpu(const MachineLimits &limits, bool json) {
  if (json)
    return print(Json{{"machine", "limits"},
                      {"gpu", limits.gpu},
                      {"bytes", limits.bufferBytes},
                      {"gb_per_second", limits.bytesPerSecond * giga}});
  print("%s: copies %.1f MB at %.1f GB/s, read and written\n", limits.gpu.c_str(),
        static_cast<double>(limits.bufferBytes) * mega, limits.bytesPerSecond * giga);
}

void Report::add(const MachineLimits &limits) {
  if (!limits.gpu.empty())
    return addGpu(limits, json);
  const bool fits = limits.lastLevelCache >= limits.bufferBytes;
  if (json)
    return print(Json{{"machine", "limits"},
                      {"threads", limits.threads},
                      {"bytes", limits.bufferBytes},
                      {"last_level_cache_bytes", limits.lastLevelCache},
                      {"fits_cache", fits},
                      {"gb_per_second", limits.bytesPerSecond * giga},
                      {"gflop_per_second", limits.flopsPerSecond * giga},
                      {"instructions", limits.instructions}});
  print("this machine, %u threads: reads %.1f MB (%s the last-level cache of "
        "%.0f MB) at %.1f GB/s,\n  computes %.0f GFLOP/s (%s)\n",
        limits.threads, static_cast<double>(limits.bufferBytes) * mega,
        fits ? "fits" : "does not fit", static_cast<double>(limits.lastLevelCache) * mega,
        limits.bytesPerSecond * giga, limits.flopsPerSecond * giga, limits.instructions.c_str());
}

static void printSteps(const DispatchProfile &profile, const MachineLimits &limits) {
  for (const DispatchCost &step : profile.steps) {
    const Share share = getShare(step, limits);
    print(Json{{"dispatch", step.kernel},
               {"test", profile.test},
               {"entry", step.entry},
               {"step", step.steps.front()},
               {"threads", profile.threads},
               {"batch", profile.batch},
               {"depth", profile.depth},
               {"tokens", profile.tokens},
               {"ms", step.seconds * milli},
               {"waiting", getWaiting(step, profile.threads)},
               {"bytes", step.bytes},
               {"flops", step.flops},
               {"bound", share.bound},
               {"share", share.value}});
  }
}

static void printKernel(const DispatchProfile &profile, const DispatchCost &kernel,
                        const MachineLimits &limits) {
  const Share share = getShare(kernel, limits);
  print("  %-8s %-36s %4zu %9.4f %6.1f%% %8.2f %9.1f %6.1f%% %-9s %6.1f%%\n", kernel.entry.c_str(),
        kernel.kernel.c_str(), kernel.steps.size(), kernel.seconds * milli,
        100 * kernel.seconds / profile.wallSeconds, kernel.bytes / kernel.seconds * giga,
        kernel.flops / kernel.seconds * giga, 100 * share.value, share.bound,
        100 * getWaiting(kernel, profile.threads));
}

void Report::add(const DispatchProfile &profile, const MachineLimits &limits) {
  const double stepSeconds =
      std::transform_reduce(profile.steps.begin(), profile.steps.end(), 0.0, std::plus(),
                            [](const DispatchCost &step) { return step.seconds; });
  if (json) {
    printSteps(profile, limits);
    return print(Json{{"dispatch", "all"},
                      {"test", profile.test},
                      {"threads", profile.threads},
                      {"batch", profile.batch},
                      {"depth", profile.depth},
                      {"tokens", profile.tokens},
                      {"ms", stepSeconds * milli},
                      {"wall_ms", profile.wallSeconds * milli}});
  }
  print("\n%s, %u threads, batch %u, depth %u: where the time of a %s goes\n", profile.test.c_str(),
        profile.threads, profile.batch, profile.depth,
        profile.test == "prefill" ? "prompt" : "step");
  print("  %-8s %-36s %4s %9s %7s %8s %9s %7s %-9s %7s\n", "entry", "kernel", "uses", "ms", "time",
        "GB/s", "GFLOP/s", "share", "of", "waiting");
  for (const DispatchCost &kernel : groupByKernel(profile.steps))
    printKernel(profile, kernel, limits);
  print("  %-45s %4zu %9.4f %6.1f%%\n", "all steps", profile.steps.size(), stepSeconds * milli,
        100 * stepSeconds / profile.wallSeconds);
  print("  %-45s %4s %9.4f %6.1f%%\n", "rest: outside of kernels", "",
        (profile.wallSeconds - stepSeconds) * milli, 100 * (1 - stepSeconds / profile.wallSeconds));
  print("  %-45s %4s %9.4f\n\n", "wall", "", profile.wallSeconds * milli);
  hasHead = false;
}

} // namespace nyala
