//===- PackedLayout.cpp - Interleaved row groups of weights ---------------===//
#include "ir/storage/PackedLayout.h"

#include <algorithm>
#include <cassert>
#include <cstring>

using namespace nyala;

PackedLayout::PackedLayout(StoredFormat format, int64_t rows, int64_t columns)
    : format(format), info(getInfo(format)), rows(rows), columns(columns) {
  assert(columns % static_cast<int64_t>(info.blockValues) == 0);
}

std::string PackedLayout::getName() const {
  return std::string(info.name) + "x" + std::to_string(kGroupRows);
}

int64_t PackedLayout::getColumnsPerWord() const {
  if (info.quantBits == 0) // plain floats
    return 4 / static_cast<int64_t>(info.blockBytes);
  return info.quantBits == 8 ? 4 : 8;
}

int64_t PackedLayout::getNumWords(int64_t length) const {
  return (length + getColumnsPerWord() - 1) / getColumnsPerWord();
}

int64_t PackedLayout::getHighBits() const {
  return getColumnsPerWord() == 8 ? info.quantBits - 4 : 0;
}

int64_t PackedLayout::getBlockBytes() const {
  if (!hasScales() || hasHeaders())
    return getScalesOffset();
  return getScalesOffset() + (hasMinima() ? 4 : 2) * kGroupRows;
}

int64_t PackedLayout::getGroupBytes() const {
  if (hasHeaders())
    return getNumFullBlocks() / kHeaderBlocks * getSuperBlockBytes();
  return getNumFullBlocks() * getBlockBytes() + getNumWords(getTailColumns()) * kWordBytes;
}

/// One row's words of one block.
void PackedLayout::packQuants(const uint8_t *quants, int64_t row, uint8_t *out) const {
  uint8_t *words = out + 4 * row;
  if (getColumnsPerWord() == 4) {
    for (int64_t w = 0; w < getNumWords(kBlockColumns); ++w)
      std::memcpy(words + w * kWordBytes, quants + 4 * w, 4);
    return;
  }
  for (int64_t w = 0; w < getNumWords(kBlockColumns); ++w)
    for (int64_t b = 0; b < 4; ++b) {
      const uint8_t *pair = quants + 8 * w + b;
      words[w * kWordBytes + b] = static_cast<uint8_t>((pair[0] & 15) | pair[4] << 4);
    }
  uint8_t *highWords = words + getHighBitsOffset();
  int64_t bits = getHighBits();
  for (int64_t w = 0; w < getNumHighWords(); ++w)
    for (int64_t b = 0; b < 4; ++b) {
      unsigned byte = 0;
      for (int64_t bit = 0; bit < 8; bit += bits)
        byte |= (quants[(8 * w + bit) / bits * 4 + b] >> 4) << bit;
      highWords[w * kWordBytes + b] = static_cast<uint8_t>(byte);
    }
}

void PackedLayout::packBlock(const StoredBlock &stored, int64_t row, uint8_t *out) const {
  packQuants(stored.quants, row, out);
  std::memcpy(out + getScalesOffset() + 2 * row, &stored.scale, 2);
  if (hasMinima())
    std::memcpy(out + getMinimaOffset() + 2 * row, &stored.minimum, 2);
}

void PackedLayout::packSuperBlock(const StoredBlock &stored, int64_t row, uint8_t *out) const {
  std::memcpy(out + 2 * row, &stored.scale, 2);
  std::memcpy(out + kHeaderMinimaOffset + 2 * row, &stored.minimum, 2);
  for (int64_t block = 0; block < kHeaderBlocks; ++block) {
    uint8_t *scales = out + kIntegerScalesOffset + block * kIntegerScalesBytes;
    if (hasHalfScales()) {
      scales[row] = stored.scales[2 * block];
      scales[kGroupRows + row] = stored.scales[2 * block + 1];
    } else {
      scales[row] = stored.scales[block];
      scales[kGroupRows + row] = stored.minima[block];
    }
    packQuants(stored.quants + block * kBlockColumns, row,
               out + kHeaderBytes + block * getBlockBytes());
  }
}

void PackedLayout::packRow(const uint8_t *source, int64_t row, uint8_t *out) const {
  if (hasScales()) {
    auto length = static_cast<int64_t>(info.blockValues);
    for (int64_t c = 0; c < columns; c += length, source += info.blockBytes) {
      StoredBlock stored = readBlock(format, source);
      if (hasHeaders())
        packSuperBlock(stored, row, out + c / length * getSuperBlockBytes());
      else
        packBlock(stored, row, out + c / length * getBlockBytes());
    }
    return;
  }
  // Plain floats: words of all columns, one after the other.
  for (int64_t c = 0; c < columns; ++c)
    std::memcpy(out + (c / getColumnsPerWord()) * kWordBytes + 4 * row +
                    (c % getColumnsPerWord()) * info.blockBytes,
                source + c * info.blockBytes, info.blockBytes);
}

void PackedLayout::packGroup(std::span<const uint8_t *const, 16> sources, uint8_t *out) const {
  std::fill_n(out, getGroupBytes(), uint8_t(0));
  for (int64_t row = 0; row < kGroupRows; ++row)
    if (sources[row])
      packRow(sources[row], row, out);
}
