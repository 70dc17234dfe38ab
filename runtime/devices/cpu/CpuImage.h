//===- CpuImage.h - The machine code of an artifact -------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CPU_CPUIMAGE_H
#define NYALA_RUNTIME_DEVICES_CPU_CPUIMAGE_H

#include "runtime/core/Artifact.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/kernel_abi.h"

namespace nyala::rt {

/// The executable of an artifact that suits a processor best, mapped from the file.
class CpuImage {
public:
  /// Takes the first executable, in the file's order, all of whose features the processor has; of
  /// one that needs tiles, `requestTiles` must succeed, too. NYALA_UNSUPPORTED, naming what each
  /// lacks, if there is none. The artifact outlives the image.
  CpuImage(const Artifact &artifact, const CpuFeatures &cpu, bool (*requestTiles)() = requestAmx);

  const artifact::Executable &getExecutable() const { return *executable; }
  nyala_kernel_fn kernel(uint32_t index) const;

private:
  const artifact::Executable *executable;
  Mapping mapping;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_CPU_CPUIMAGE_H
