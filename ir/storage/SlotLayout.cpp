#include "ir/storage/SlotLayout.h"

#include <cstring>

namespace nyala {

void SlotLayout::store(const float *values, uint8_t *slot) const {
  for (int64_t b = 0; b < getNumBlocks(); ++b) {
    StoredBlock block = quantizeBlock(format, values + b * kBlockChannels);
    storeQuants(format, block, slot + b * getQuantBytes());
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
