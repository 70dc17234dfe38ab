//===- PackedLayout.cpp - Interleaved row groups of weights ---------------===//
#include "ir/storage/PackedLayout.h"

#include <cassert>
#include <cstring>

using namespace nyala;

PackedLayout::PackedLayout(StoredFormat format, int64_t rows, int64_t columns)
    : format(format), rows(rows), columns(columns) {
  assert(columns % static_cast<int64_t>(getInfo(format).blockValues) == 0);
}

int64_t PackedLayout::getColumnsPerWord() const {
  switch (format) {
  case StoredFormat::F32:
    return 1;
  case StoredFormat::F16:
  case StoredFormat::BF16:
    return 2;
  case StoredFormat::Q8_0:
    return 4;
  case StoredFormat::Q4_0:
  case StoredFormat::Q4_1:
  case StoredFormat::Q5_0:
  case StoredFormat::Q5_1:
    return 8;
  }
  return 1;
}

int64_t PackedLayout::getNumWords(int64_t length) const {
  return (length + getColumnsPerWord() - 1) / getColumnsPerWord();
}

bool PackedLayout::hasHighBits() const {
  return format == StoredFormat::Q5_0 || format == StoredFormat::Q5_1;
}

bool PackedLayout::hasScales() const { return getInfo(format).blockValues > 1; }

bool PackedLayout::hasMinima() const {
  return format == StoredFormat::Q4_1 || format == StoredFormat::Q5_1;
}

int64_t PackedLayout::getScalesOffset() const {
  return getHighBitsOffset() + (hasHighBits() ? kWordBytes : 0);
}

int64_t PackedLayout::getMinimaOffset() const { return getScalesOffset() + 2 * kGroupRows; }

int64_t PackedLayout::getBlockBytes() const {
  return getScalesOffset() + (hasScales() ? 2 * kGroupRows : 0) +
         (hasMinima() ? 2 * kGroupRows : 0);
}

int64_t PackedLayout::getGroupBytes() const {
  return getNumFullBlocks() * getBlockBytes() + getNumWords(getTailColumns()) * kWordBytes;
}

/// Where the parts of a stored block lie; offsets in bytes (StoredFormat.h).
namespace {
struct StoredBlock {
  size_t minimum, highBits, quants;
};
} // namespace

static StoredBlock getStoredBlock(StoredFormat format) {
  switch (format) {
  case StoredFormat::Q4_1:
    return {2, 0, 4};
  case StoredFormat::Q5_0:
    return {0, 2, 6};
  case StoredFormat::Q5_1:
    return {2, 4, 8};
  default: // q4_0, q8_0: the scale, then the quants
    return {0, 0, 2};
  }
}

/// One row's words of one block: `block` is the row's stored block, `column(c)` bytes apart.
static void packRowBlock(const PackedLayout &layout, const uint8_t *block, int64_t row,
                         uint8_t *out) {
  StoredBlock stored = getStoredBlock(layout.getFormat());
  const uint8_t *quants = block + stored.quants;
  uint8_t *words = out + 4 * row;
  if (layout.getFormat() == StoredFormat::Q8_0) {
    for (int64_t c = 0; c < PackedLayout::kBlockColumns; ++c)
      words[(c / 4) * PackedLayout::kWordBytes + c % 4] = quants[c] ^ 0x80;
  } else {
    // Stored nibbles: byte i holds columns i (low) and 16 + i (high).
    auto nibble = [&](int64_t c) { return c < 16 ? quants[c] & 15 : quants[c - 16] >> 4; };
    for (int64_t c = 0; c < PackedLayout::kBlockColumns; c += 8)
      for (int64_t b = 0; b < 4; ++b)
        words[(c / 8) * PackedLayout::kWordBytes + b] =
            static_cast<uint8_t>(nibble(c + b) | nibble(c + 4 + b) << 4);
  }
  if (layout.hasHighBits())
    std::memcpy(out + layout.getHighBitsOffset() + 4 * row, block + stored.highBits, 4);
  std::memcpy(out + layout.getScalesOffset() + 2 * row, block, 2);
  if (layout.hasMinima())
    std::memcpy(out + layout.getMinimaOffset() + 2 * row, block + stored.minimum, 2);
}

void PackedLayout::packGroup(std::span<const uint8_t *const, 16> sources, uint8_t *out) const {
  std::memset(out, 0, getGroupBytes());
  const StoredFormatInfo &info = getInfo(format);
  for (int64_t row = 0; row < kGroupRows; ++row) {
    const uint8_t *source = sources[row];
    if (!source)
      continue;
    if (info.blockValues > 1) {
      for (int64_t block = 0; block < getNumFullBlocks(); ++block)
        packRowBlock(*this, source + block * info.blockBytes, row, out + block * getBlockBytes());
      continue;
    }
    // Plain floats: words of all columns, one after the other.
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(out + (c / getColumnsPerWord()) * kWordBytes + 4 * row +
                      (c % getColumnsPerWord()) * info.blockBytes,
                  source + c * info.blockBytes, info.blockBytes);
  }
}
