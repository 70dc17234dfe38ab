#include "ir/storage/SlotLayout.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nyala {

/// The largest half: scales beyond it stay there, so that no value becomes infinite.
static constexpr float kLargestScale = 65504;

// Kernels do the same, operation by operation (codegen/cpu/SlotAccess.cpp). Comparisons with what
// is no number are false: it does not decide the scale, and becomes the largest integer.
StoredBlock quantizeBlock(StoredFormat format, const float *values) {
  bool bytes = format == StoredFormat::Q8_0;
  float highest = 0, lowest = 0; // lowest: negated
  for (int64_t i = 0; i < SlotLayout::kBlockChannels; ++i) {
    highest = values[i] > highest ? values[i] : highest;
    lowest = -values[i] > lowest ? -values[i] : lowest;
  }
  float scale =
      bytes ? std::max(highest, lowest) / 127 : (highest < lowest ? -lowest : highest) / -8;
  scale = std::max(std::min(scale, kLargestScale), -kLargestScale);
  StoredBlock block = {};
  block.scale = floatToHalf(scale);
  float rounded = halfToFloat(block.scale);
  float inverse = rounded == 0 ? 0 : 1 / rounded;
  float low = bytes ? -127 : -8, high = bytes ? 127 : 7;
  for (int64_t i = 0; i < SlotLayout::kBlockChannels; ++i) {
    float scaled = values[i] * inverse;
    scaled = scaled < high ? scaled : high;
    scaled = scaled > low ? scaled : low;
    block.quants[i] = static_cast<uint8_t>(static_cast<int>(std::nearbyint(scaled)) +
                                           getInfo(format).quantOffset);
  }
  return block;
}

void SlotLayout::store(const float *values, uint8_t *slot) const {
  for (int64_t b = 0; b < getNumBlocks(); ++b) {
    StoredBlock block = quantizeBlock(format, values + b * kBlockChannels);
    uint8_t *quants = slot + b * getQuantBytes();
    if (format == StoredFormat::Q8_0)
      for (int64_t i = 0; i < kBlockChannels; ++i)
        quants[i] = block.quants[i] ^ 0x80;
    else
      for (int64_t i = 0; i < kBlockChannels / 2; ++i)
        quants[i] = block.quants[i] | block.quants[kBlockChannels / 2 + i] << 4;
    std::memcpy(slot + getScalesOffset() + 2 * b, &block.scale, sizeof(block.scale));
  }
}

void SlotLayout::load(const uint8_t *slot, float *values) const {
  // A stored block, put together: dequantize() says what it means.
  uint8_t stored[2 + kBlockChannels];
  for (int64_t b = 0; b < getNumBlocks(); ++b) {
    std::memcpy(stored, slot + getScalesOffset() + 2 * b, 2);
    std::memcpy(stored + 2, slot + b * getQuantBytes(), getQuantBytes());
    dequantize(format, stored, values + b * kBlockChannels, kBlockChannels);
  }
}

} // namespace nyala
