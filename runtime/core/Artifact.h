//===- Artifact.h - A model.nyala file, mapped and checked ------*- C++ -*-===//
//
// Everything the runtime later indexes is checked here, once: after the
// constructor returned, offsets lie within their segments, indices within
// their lists, and sums and products of sizes do not overflow.
// Format: docs/artifact-format.md, runtime/artifact.fbs.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_ARTIFACT_H
#define NYALA_RUNTIME_CORE_ARTIFACT_H

#include "runtime/artifact_generated.h"
#include "runtime/core/Mapping.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// Immutable. Holds the mappings that program(), weights and strings point into.
class Artifact {
public:
  /// Fails with NYALA_NOT_FOUND or NYALA_IO_ERROR (the file, or its weight file), NYALA_VERSION
  /// (another format or kernel ABI) or NYALA_CORRUPT (no artifact, truncated, altered, malformed).
  explicit Artifact(const std::string &path);

  const std::string &getPath() const { return file.getPath(); }
  const File &getFile() const { return file; }
  const artifact::Artifact &program() const { return *root; }

  /// Tells artifacts apart: the checksum of the program, which names the code and the weights with
  /// checksums of their own, and the states.
  uint64_t getIdentity() const { return identity; }

  /// The bytes of an executable.
  std::span<const std::byte> getCode(const artifact::Executable &executable) const {
    return mapping.bytes().subspan(executable.offset(), executable.size());
  }
  bool hasWeights() const { return !root->weight_segment()->absent(); }
  /// First byte of weight `index`, 64-byte aligned. Fails with NYALA_UNSUPPORTED if the artifact
  /// was compiled without weights.
  const std::byte *weight(uint32_t index) const;

  /// Null if the artifact has no such entry for the device.
  const artifact::Entry *findEntry(std::string_view name,
                                   artifact::Target device = artifact::Target::Cpu) const;

private:
  void checkHeader();
  void openWeights();

  File file;
  Mapping mapping;
  Mapping externalWeights;
  const artifact::Artifact *root = nullptr;
  uint64_t identity = 0;
  std::span<const std::byte> weights;
};

/// Names of the entries that sessions run, those of few rows first.
inline constexpr std::string_view sessionEntries[] = {"decode", "batch", "prefill"};

/// Is it an entry that sessions run? (All counts of others are at their maxima: training.)
bool isSessionEntry(const artifact::Entry &entry);

/// Is there such an entry?
bool servesSessions(const artifact::Artifact &program);

/// The first executable of the device; null if the artifact does not run there at all. The kernels
/// of all executables of a device have the same names in the same order.
const artifact::Executable *findExecutable(const artifact::Artifact &program,
                                           artifact::Target device);

/// Indices of the states that sessions on a device have, ascending: all but those that are resident
/// or that only entries of another device use.
std::vector<uint32_t> getSessionStates(const artifact::Artifact &program, artifact::Target device);

/// Sequences that all states of sessions can hold; 1 without such states.
uint32_t getMaxSequences(const artifact::Artifact &program);

/// Index of the entry's count of that name, or -1.
int findCount(const artifact::Entry &entry, std::string_view name);

/// The part of Artifact's checks that looks at the verified FlatBuffer alone. `path` is for
/// messages, `fileSize` bounds the code segments. Throws rt::Failure.
void checkStructure(const artifact::Artifact &program, const std::string &path, uint64_t fileSize);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_ARTIFACT_H
