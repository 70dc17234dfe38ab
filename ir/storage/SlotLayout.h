//===- SlotLayout.h - Slots of caches in quantized blocks -------*- C++ -*-===//
//
// How a slot of a cache (the keys or values of one position) is stored in
// blocks of 32 channels: integers of all blocks first, then their scales, so
// that vectors are loaded as they lie (docs/numerics.md says how a block is
// rounded):
//
//   slot = integers of block 0, 1, …; then for each block d, f16
//   q8_0: 32 signed bytes a block               value = d * q
//   q4_0: 16 bytes a block; nibbles of byte i   value = d * (q - 8)
//         are channels i (low) and i + 16
//
// Plain C++, no MLIR: the reference interpreter and the kernels' tests use it.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_STORAGE_SLOTLAYOUT_H
#define NYALA_IR_STORAGE_SLOTLAYOUT_H

#include "ir/storage/StoredFormat.h"

namespace nyala {

class SlotLayout {
public:
  static constexpr int64_t kBlockChannels = 32;

  /// \param format   one that canQuantize() says yes to.
  /// \param channels a multiple of kBlockChannels.
  SlotLayout(StoredFormat format, int64_t channels) : format(format), channels(channels) {}

  StoredFormat getFormat() const { return format; }
  int64_t getNumBlocks() const { return channels / kBlockChannels; }
  /// Bytes of a block's integers.
  int64_t getQuantBytes() const { return kBlockChannels * getInfo(format).quantBits / 8; }
  /// Where in the slot scales begin.
  int64_t getScalesOffset() const { return getNumBlocks() * getQuantBytes(); }
  int64_t getSlotBytes() const { return getNumBlocks() * (getQuantBytes() + 2); }

  /// Stores `channels` values in getSlotBytes() bytes.
  void store(const float *values, uint8_t *slot) const;
  /// The values that a slot holds, exact in f32.
  void load(const uint8_t *slot, float *values) const;

private:
  StoredFormat format;
  int64_t channels;
};

} // namespace nyala

#endif // NYALA_IR_STORAGE_SLOTLAYOUT_H
