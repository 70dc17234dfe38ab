//===- CpuDevice.h - This machine's processors as a device ------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CPU_CPUDEVICE_H
#define NYALA_RUNTIME_DEVICES_CPU_CPUDEVICE_H

#include "runtime/core/Device.h"
#include "runtime/devices/cpu/CpuImage.h"

namespace nyala::rt {

/// Sessions share the mapped code and weights and nothing else: each executor has threads of its
/// own.
class CpuDevice : public Device {
public:
  /// NYALA_UNSUPPORTED if no executable of the artifact runs on this processor.
  explicit CpuDevice(const Artifact &artifact)
      : Device(artifact), image(artifact, CpuFeatures::host()) {}

  const artifact::Executable &getExecutable() const override { return image.getExecutable(); }
  const std::string &getName() const override { return name; }
  const std::string &getProduct() const override { return product; }
  std::unique_ptr<Executor> createExecutor(const ExecutorOptions &options) const override;

private:
  CpuImage image;
  std::string name = "cpu", product;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_CPU_CPUDEVICE_H
