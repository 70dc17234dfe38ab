//===- Devices.h - Which device a model runs on -----------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_DEVICES_H
#define NYALA_RUNTIME_DEVICES_DEVICES_H

#include "runtime/core/Device.h"

#include <functional>
#include <memory>
#include <string>

namespace nyala::rt {

struct DeviceOptions {
  /// "cpu", "cuda" (the first GPU) or "cuda:N"; empty: the first of those that the artifact has
  /// code for that is there.
  std::string name;
  /// Of an artifact without weights: make numbers up.
  bool randomWeights = false;
  /// Called while weights go to the device: bytes that are done, and all. May be null.
  std::function<void(uint64_t, uint64_t)> progress;
};

/// The artifact outlives the device. NYALA_INVALID_ARGUMENT if the name is none; NYALA_UNSUPPORTED,
/// saying what is missing, if the artifact has no code for the device, or the device is not there.
std::unique_ptr<Device> openDevice(const Artifact &artifact, const DeviceOptions &options);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_DEVICES_H
