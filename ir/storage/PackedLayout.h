//===- PackedLayout.h - Interleaved row groups of weights -------*- C++ -*-===//
//
// The one stored layout of a weight matrix in an artifact, read by decode,
// prefill and lookup kernels of every CPU (docs/weight-layout.md):
//
//   matrix = groups of 16 rows (the last one padded with zeros)
//   group  = blocks of 32 columns, ascending
//   block  = for each word w: 16 x 32 bits, one of each row; then what the
//            block formats share: high bits, scales, minima, one of each row
//
// Word w of a row holds
//   f32          column w
//   f16, bf16    columns 2w (low half), 2w + 1
//   q4_*, q5_*   columns 8w + b in the low nibble of byte b, 8w + 4 + b in the high nibble
//   q8_0         columns 4w + b in byte b, as value + 128
//
// Plain floats need not fill the last block: it has just the words it needs.
// Packing moves bits and changes no value; sizes are those of the source plus
// padding rows.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_STORAGE_PACKEDLAYOUT_H
#define NYALA_IR_STORAGE_PACKEDLAYOUT_H

#include "ir/storage/StoredFormat.h"

#include <span>

namespace nyala {

class PackedLayout {
public:
  static constexpr int64_t kGroupRows = 16;
  static constexpr int64_t kBlockColumns = 32;
  static constexpr int64_t kWordBytes = 4 * kGroupRows; ///< a word of all rows of a group

  /// `columns` must be a multiple of the format's blockValues.
  PackedLayout(StoredFormat format, int64_t rows, int64_t columns);

  StoredFormat getFormat() const { return format; }
  int64_t getRows() const { return rows; }
  int64_t getColumns() const { return columns; }
  int64_t getNumGroups() const { return (rows + kGroupRows - 1) / kGroupRows; }
  int64_t getNumFullBlocks() const { return columns / kBlockColumns; }
  int64_t getTailColumns() const { return columns % kBlockColumns; } ///< plain floats only

  int64_t getColumnsPerWord() const;
  /// Words of a block of `length` ≤ 32 columns.
  int64_t getNumWords(int64_t length) const;
  bool hasHighBits() const; ///< q5: a word of 32 fifth bits, bit c for column c
  bool hasScales() const;   ///< f16, 16 of them
  bool hasMinima() const;   ///< f16, 16 of them
  int64_t getHighBitsOffset() const { return getNumWords(kBlockColumns) * kWordBytes; }
  int64_t getScalesOffset() const;
  int64_t getMinimaOffset() const;
  int64_t getBlockBytes() const;
  int64_t getGroupBytes() const;
  int64_t getBytes() const { return getNumGroups() * getGroupBytes(); }

  /// Packs one group. `sources[i]` is the stored row i of the group, null for padding. Writes
  /// getGroupBytes() bytes.
  void packGroup(std::span<const uint8_t *const, 16> sources, uint8_t *out) const;

private:
  StoredFormat format;
  int64_t rows;
  int64_t columns;
};

} // namespace nyala

#endif // NYALA_IR_STORAGE_PACKEDLAYOUT_H
