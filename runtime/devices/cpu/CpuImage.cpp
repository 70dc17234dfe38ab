//===- CpuImage.cpp - The machine code of an artifact ---------------------===//

#include "runtime/devices/cpu/CpuImage.h"
#include "runtime/core/Status.h"

namespace nyala::rt {

/// Why the executable does not run on the processor; empty if it does.
static std::string findObstacle(const artifact::Executable &executable, const CpuFeatures &cpu,
                                bool (*requestTiles)()) {
  const std::string arch = "the code for '" + executable.arch()->str() + "' ";
  if (executable.target() != artifact::Target::Cpu)
    return arch + "is not for a cpu";
  if (executable.format()->string_view() != "elf")
    return arch + "has the unknown format '" + executable.format()->str() + "'";
  bool usesTiles = false;
  for (const flatbuffers::String *feature : *executable.features()) {
    switch (cpu.query(feature->string_view())) {
    case CpuFeatures::Answer::Present:
      break;
    case CpuFeatures::Answer::Missing:
      return arch + "needs '" + feature->str() + "', which this machine lacks";
    case CpuFeatures::Answer::Unknown:
      return arch + "needs '" + feature->str() + "', which this runtime does not know";
    }
    usesTiles |= feature->string_view().starts_with("amx-");
  }
  if (usesTiles && !requestTiles())
    return arch + "needs amx, which the operating system refuses";
  return "";
}

static const artifact::Executable *select(const Artifact &artifact, const CpuFeatures &cpu,
                                          bool (*requestTiles)()) {
  std::string obstacles;
  for (const artifact::Executable *executable : *artifact.program().executables()) {
    const std::string obstacle = findObstacle(*executable, cpu, requestTiles);
    if (obstacle.empty())
      return executable;
    obstacles += (obstacles.empty() ? "" : "; ") + obstacle;
  }
  throw Failure(NYALA_UNSUPPORTED, "'" + artifact.getPath() + "' does not run here: " + obstacles +
                                       "; compile the model with --cpu=native on this machine, or "
                                       "with --cpu=generic-multi for most");
}

CpuImage::CpuImage(const Artifact &artifact, const CpuFeatures &cpu, bool (*requestTiles)())
    : executable(select(artifact, cpu, requestTiles)),
      mapping(Mapping::ofFile(artifact.getFile(), executable->offset(), executable->size(),
                              Mapping::Access::Execute)) {}

nyala_kernel_fn CpuImage::kernel(uint32_t index) const {
  return reinterpret_cast<nyala_kernel_fn>(mapping.data() +
                                           executable->kernels()->Get(index)->entry());
}

} // namespace nyala::rt
