//===- CudaWeights.cpp - The weights of an artifact on a GPU --------------===//

#include "runtime/devices/cuda/CudaWeights.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace nyala::rt::cuda {
namespace {

/// Copies to consecutive addresses, through two buffers of which the GPU reads one while the other
/// is filled: from a mapped file it cannot read by itself.
class Uploader {
public:
  Uploader(const CudaContext &context, const CudaStream &stream, Address target)
      : context(context), stream(stream), target(target), memory(context, 2 * pieceBytes),
        read{CudaEvent(context, disableTimingEvent), CudaEvent(context, disableTimingEvent)} {}

  /// Bytes for `offset` behind the target; what is between them and the last ones is not defined.
  void write(uint64_t offset, std::span<const std::byte> bytes,
             const std::function<void(uint64_t)> &advance) {
    while (!bytes.empty()) {
      if (offset - begin >= pieceBytes) {
        flush();
        begin = offset;
      }
      const size_t place = offset - begin;
      const size_t count = std::min<size_t>(pieceBytes - place, bytes.size());
      std::memcpy(memory.data() + current * pieceBytes + place, bytes.data(), count);
      filled = place + count;
      offset += count;
      bytes = bytes.subspan(count);
      advance(count);
    }
  }
  void flush() {
    const CudaDriver &driver = context.getDriver();
    if (filled == 0)
      return;
    driver.check(driver.copyToDevice(target + begin, memory.data() + current * pieceBytes, filled,
                                     stream.get()),
                 "copy weights to the gpu");
    driver.check(driver.eventRecord(read[current].get(), stream.get()), "copy weights to the gpu");
    current = 1 - current;
    filled = 0;
    // An event that nobody has recorded is complete.
    driver.check(driver.eventSynchronize(read[current].get()), "copy weights to the gpu");
  }

private:
  static constexpr uint64_t pieceBytes = uint64_t(8) << 20;

  const CudaContext &context;
  const CudaStream &stream;
  Address target;
  PinnedMemory memory;
  std::array<CudaEvent, 2> read; ///< the GPU is done with that buffer
  size_t current = 0;
  uint64_t begin = 0, filled = 0; ///< of the buffer that is filled
};

} // namespace

std::vector<bool> findUsedWeights(const artifact::Artifact &program,
                                  const std::function<bool(const artifact::Entry &)> &accept) {
  std::vector<bool> used(program.weights()->size());
  for (const artifact::Entry *entry : *program.entries())
    if (accept(*entry))
      for (const artifact::Step *step : *entry->steps())
        for (const artifact::Buffer *buffer : *step->buffers())
          if (buffer->region() == artifact::Region::Weight)
            used[buffer->index()] = true;
  return used;
}

CudaWeights::CudaWeights(const CudaContext &context, const Artifact &artifact,
                         const std::vector<bool> &chosen, const char *purpose)
    : context(context), artifact(artifact) {
  const auto &weights = *artifact.program().weights();
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < weights.size(); ++i)
    if (chosen[i]) {
      places.push_back({i, bytes});
      bytes = alignAddress(bytes + weights.Get(i)->size());
    }
  memory = DeviceMemory(context, bytes, purpose);
}

void CudaWeights::setAddresses(std::vector<Address> &addresses) const {
  for (const Place &place : places)
    addresses[place.weight] = memory.get() + place.offset;
}

void CudaWeights::upload(const CudaStream &stream,
                         const std::function<void(uint64_t)> &advance) const {
  Uploader uploader(context, stream, memory.get());
  for (const Place &place : places)
    uploader.write(
        place.offset,
        {artifact.weight(place.weight), artifact.program().weights()->Get(place.weight)->size()},
        advance);
  uploader.flush();
  // The buffers go now.
  context.getDriver().check(stream.wait(), "copy weights to the gpu");
}

void CudaWeights::clear(const CudaStream &stream) const {
  if (memory.size() > 0)
    context.getDriver().check(
        context.getDriver().fill(memory.get(), 0, memory.size(), stream.get()),
        "clear the weights");
}

} // namespace nyala::rt::cuda
