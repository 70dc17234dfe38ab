//===- Device.cpp - What programs run on ----------------------------------===//

#include "runtime/core/Device.h"

#include <algorithm>

namespace nyala::rt {

// Here, so that their tables of functions are in one place.
BoundEntry::~BoundEntry() = default;
Executor::~Executor() = default;
Device::~Device() = default;

BoundEntry::BoundEntry(const artifact::Entry &source) : source(source) {
  for (const artifact::Count *count : *source.counts())
    counts.push_back({count->max()});
}

std::optional<uint32_t> BoundEntry::findResult(std::string_view name) const {
  for (uint32_t i = 0; i < source.results()->size(); ++i)
    if (source.results()->Get(i)->name()->string_view() == name)
      return i;
  return std::nullopt;
}

const std::byte *BoundEntry::readResult(uint32_t result, uint32_t first, uint32_t count) {
  fetchResult(result, first, count);
  return results[result] + first * source.results()->Get(result)->row_bytes();
}

uint64_t getArenaBytes(const artifact::Artifact &program, artifact::Target device) {
  uint64_t bytes = 0;
  for (const artifact::Entry *entry : *program.entries())
    if (entry->device() == device)
      bytes = std::max(bytes, entry->arena_bytes());
  return bytes;
}

uint64_t getMaxArgument(const artifact::Artifact &program, artifact::Target device,
                        artifact::ArgumentRole role) {
  using artifact::ArgumentRole;
  const bool hasSessions = servesSessions(program);
  const bool isOfSessions = role == ArgumentRole::Sequences || role == ArgumentRole::Slots ||
                            role == ArgumentRole::Wanted;
  const bool isRate = role == ArgumentRole::Rate;
  const bool isFilled = !isRate && (!isOfSessions || hasSessions);
  uint64_t elements = isRate ? 1 : 0;
  for (const artifact::Entry *entry : *program.entries()) {
    if (entry->device() != device)
      continue;
    for (const artifact::Argument *argument : *entry->arguments())
      if (isFilled || argument->role() == role)
        elements = std::max<uint64_t>(elements, entry->counts()->Get(argument->count())->max());
    // A session fills as many rows as an entry has; a trainer as many as the arguments have.
    for (const artifact::Count *count : *entry->counts())
      if (isFilled && hasSessions)
        elements = std::max<uint64_t>(elements, count->max());
  }
  return elements;
}

} // namespace nyala::rt
