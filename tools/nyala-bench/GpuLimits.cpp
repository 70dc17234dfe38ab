//===- GpuLimits.cpp - What a GPU can copy --------------------------------===//

#include "runtime/devices/cuda/CudaContext.h"
#include "tools/nyala-bench/MachineLimits.h"

#include <algorithm>
#include <charconv>

namespace nyala {

using namespace rt::cuda;

/// Seconds of one copy.
static double timeCopy(const CudaContext &context, const CudaStream &stream, Address to,
                       Address from, uint64_t bytes) {
  const CudaDriver &driver = context.getDriver();
  const CudaEvent begin(context, 0), end(context, 0);
  const char *what = "measure copies";
  driver.check(driver.eventRecord(begin.get(), stream.get()), what);
  driver.check(driver.copyOnDevice(to, from, bytes, stream.get()), what);
  driver.check(driver.eventRecord(end.get(), stream.get()), what);
  driver.check(stream.wait(), what);
  float milliseconds = 0;
  driver.check(driver.eventElapsedTime(&milliseconds, begin.get(), end.get()), what);
  return milliseconds / 1e3;
}

MachineLimits measureGpu(const std::string &device) {
  constexpr uint64_t bytes = uint64_t(1) << 29; // more than any cache holds
  constexpr int passes = 5;
  uint32_t number = 0;
  std::from_chars(device.data() + device.find(':') + 1, device.data() + device.size(), number);
  const CudaContext context(number);
  const CudaStream stream(context);
  const DeviceMemory from(context, bytes, "a copy to measure"), to(context, bytes, "the same");
  double best = timeCopy(context, stream, to.get(), from.get(), bytes);
  for (int i = 0; i < passes; ++i)
    best = std::min(best, timeCopy(context, stream, to.get(), from.get(), bytes));
  return {.gpu = context.getProduct(),
          .threads = 1,
          .bufferBytes = bytes,
          .lastLevelCache = 0,
          .bytesPerSecond = 2 * static_cast<double>(bytes) / best,
          .flopsPerSecond = 0,
          .instructions = ""};
}

} // namespace nyala
