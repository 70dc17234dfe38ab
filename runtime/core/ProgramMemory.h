//===- ProgramMemory.h - What programs run in -------------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_CORE_PROGRAMMEMORY_H
#define NYALA_RUNTIME_CORE_PROGRAMMEMORY_H

#include "runtime/core/Artifact.h"
#include "runtime/core/Mapping.h"
#include "runtime/devices/cpu/CpuImage.h"
#include "runtime/devices/cpu/CpuProgram.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// One entry, bound to memory.
struct BoundEntry {
  const artifact::Entry *source;
  CpuProgram program;
  /// Values of the entry's counts, at first their maxima. Sessions set rows and wanted.
  std::vector<CountValue> counts;
  /// Run parallel to the entry's.
  std::vector<std::byte *> results;

  /// Memory of the result of that name; null if there is none.
  std::byte *findResult(std::string_view name) const;
};

/// Bytes that are reserved, by what for.
struct MemoryUse {
  uint64_t states = 0;
  uint64_t arena = 0;
  uint64_t rest = 0; ///< arguments, results and the workers' scratch

  uint64_t getTotal() const { return states + arena + rest; }
};

/// States, arguments, scratch and one arena that all entries of an artifact share, and the results
/// of each. All of it is reserved before anything runs.
class ProgramMemory {
public:
  /// Of a state that holds more than `sequences` only as many are reserved. Throws
  /// NYALA_OUT_OF_MEMORY. The artifact and the image outlive it.
  ProgramMemory(const Artifact &artifact, const CpuImage &image, unsigned workers,
                uint32_t sequences);

  /// Reserves the results of the entry of that name; nothing if there is no such entry.
  std::optional<BoundEntry> bind(std::string_view name);

  const Scratch &getScratch() const { return scratch; }
  /// In the artifact's order.
  std::span<std::byte *const> getStates() const { return states; }
  /// As long as the longest argument of any entry.
  template <typename Element> Element *getArgument(artifact::ArgumentRole role) const {
    static_assert(sizeof(Element) == sizeof(int32_t));
    return reinterpret_cast<Element *>(arguments[static_cast<size_t>(role)].data());
  }
  /// What is reserved so far.
  const MemoryUse &getUse() const { return use; }

private:
  static Mapping reserve(uint64_t size, const std::string &purpose, uint64_t &counter);

  const Artifact &artifact;
  const CpuImage &image;
  MemoryUse use;
  Mapping scratchMemory;
  Scratch scratch;
  Mapping arena;
  std::vector<Mapping> memory; ///< states and results
  std::vector<std::byte *> states;
  std::array<Mapping, static_cast<size_t>(artifact::ArgumentRole::MAX) + 1> arguments;
};

/// Bytes of the arena: the largest entry's.
uint64_t getArenaBytes(const Artifact &artifact);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_PROGRAMMEMORY_H
