//===- Facts.h - What follows from an artifact's tables ---------*- C++ -*-===//
//
// What reports say beyond the fields of runtime/artifact.fbs.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_FACTS_H
#define NYALA_TOOLS_NYALA_INSPECT_FACTS_H

#include "runtime/artifact_generated.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nyala::inspect {

/// A value in an entry's arena.
struct LiveRange {
  uint64_t offset, bytes;      ///< bytes: at the most rows
  uint32_t written;            ///< the step that writes it
  std::vector<uint32_t> reads; ///< the steps that read it, ascending

  uint32_t getLastStep() const { return reads.empty() ? written : reads.back(); }
  bool isLive(uint32_t step) const { return written <= step && step <= getLastStep(); }
};

/// The buffers of a step that it reads or updates in place; the others are its new results.
uint32_t countReadBuffers(const artifact::Step &step);

/// Whether the artifact says what the entry's steps write: those of older compilers do not.
bool saysWhatIsWritten(const artifact::Entry &entry);

/// The values of an entry's arena in the order in which they are written; none if the artifact does
/// not say what is written.
std::vector<LiveRange> findLiveRanges(const artifact::Entry &entry);

/// Bytes of the values that live at a step.
uint64_t countLiveBytes(const std::vector<LiveRange> &ranges, uint32_t step);

/// By index of the kernel: how many steps of the device's entries call it.
std::vector<uint32_t> countKernelUses(const artifact::Artifact &program, artifact::Target device);

/// Bytes of all states of a session.
uint64_t countStateBytes(const artifact::Artifact &program);

/// Bytes of weights in a GPU's layout: of the states that are resident.
uint64_t countResidentBytes(const artifact::Artifact &program);

/// Bytes that all states of a session take for one position; 0 if they are no caches.
uint64_t countKvBytesPerToken(const artifact::Artifact &program);

/// The value of a key of the metadata, "" if it is absent: "kv_type", "kv_sharing".
std::string getMetadata(const artifact::Artifact &program, std::string_view key);

struct WeightTotal {
  uint64_t weights = 0, bytes = 0;
};
/// By stored format.
std::map<std::string, WeightTotal> countWeightFormats(const artifact::Artifact &program);

/// The name of the weight, state, argument or result that a buffer is; empty for the arena.
std::string getObjectName(const artifact::Artifact &program, const artifact::Entry &entry,
                          const artifact::Buffer &buffer);

/// Kernels have the same names in all executables of a device.
std::string getKernelName(const artifact::Artifact &program, const artifact::Entry &entry,
                          const artifact::Step &step);

/// "cpu", "tokens", "arena": lower case.
std::string getName(artifact::Target target);
std::string getName(artifact::ArgumentRole role);
std::string getName(artifact::Region region);

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_FACTS_H
