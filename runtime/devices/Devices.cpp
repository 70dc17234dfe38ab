//===- Devices.cpp - Which device a model runs on -------------------------===//

#include "runtime/devices/Devices.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/devices/cuda/CudaDevice.h"

#include <charconv>
#include <optional>

namespace nyala::rt {
namespace {

using artifact::Target;

struct Choice {
  Target target;
  uint32_t number = 0;
};

const char *getName(Target target) { return target == Target::Cpu ? "cpu" : "cuda"; }

Choice parse(const std::string &name) {
  if (name == "cpu")
    return {Target::Cpu};
  if (name == "cuda")
    return {Target::Cuda};
  constexpr std::string_view prefix = "cuda:";
  if (name.starts_with(prefix)) {
    uint32_t number = 0;
    const char *begin = name.data() + prefix.size(), *end = name.data() + name.size();
    if (const auto [last, error] = std::from_chars(begin, end, number);
        begin < end && last == end && error == std::errc())
      return {Target::Cuda, number};
  }
  throw Failure(NYALA_INVALID_ARGUMENT,
                "there is no device '" + name + "', expected cpu, cuda, or cuda:N for the GPU N");
}

std::unique_ptr<Device> open(const Artifact &artifact, const Choice &choice,
                             const DeviceOptions &options) {
  if (choice.target == Target::Cuda)
    return std::make_unique<cuda::CudaDevice>(artifact, choice.number, options);
  if (options.randomWeights)
    throw Failure(NYALA_UNSUPPORTED, "random weights are made on GPUs alone, the device is a cpu");
  return std::make_unique<CpuDevice>(artifact);
}

/// "cpu, cuda"
std::string listTargets(const Artifact &artifact) {
  std::string text;
  for (Target target : {Target::Cpu, Target::Cuda})
    if (findExecutable(artifact.program(), target))
      text += std::string(text.empty() ? "" : ", ") + getName(target);
  return text;
}

} // namespace

std::unique_ptr<Device> openDevice(const Artifact &artifact, const DeviceOptions &options) {
  if (!options.name.empty()) {
    const Choice choice = parse(options.name);
    if (!findExecutable(artifact.program(), choice.target))
      throw Failure(NYALA_UNSUPPORTED,
                    "'" + artifact.getPath() + "' has no code for " + getName(choice.target) +
                        ", only for " + listTargets(artifact) +
                        "; compile the model with --target=" + getName(choice.target));
    return open(artifact, choice, options);
  }
  // In the order of the file. What is not there is passed over; other failures are failures.
  std::string obstacles;
  std::optional<Target> last;
  for (const artifact::Executable *executable : *artifact.program().executables()) {
    const Target target = executable->target();
    if (std::exchange(last, target) == target)
      continue;
    try {
      return open(artifact, {target}, options);
    } catch (const Failure &failure) {
      if (failure.getStatus() != NYALA_UNSUPPORTED)
        throw;
      obstacles += (obstacles.empty() ? "" : "; ") + std::string(failure.what());
    }
  }
  throw Failure(NYALA_UNSUPPORTED, obstacles);
}

} // namespace nyala::rt
