//===- PackedLayout.h - Interleaved row groups of weights -------*- C++ -*-===//
//
// The one stored layout of a weight matrix in an artifact, read by decode,
// prefill and lookup kernels of every CPU (docs/weight-layout.md):
//
//   matrix = groups of 16 rows (the last one padded with zeros)
//   group  = blocks of 32 columns, ascending; K-quants: before each 8 blocks their header
//   block  = for each word w: 16 x 32 bits, one of each row; high words likewise; then, except for
//            K-quants, what the block formats share: scales, minima, one of each row
//   header = 16 x f16 scale, 16 x f16 minimum; for each of the 8 blocks 2 x 16 bytes: integer
//            scales and minima (q4_k, q5_k), or scales of columns 0..15 and 16..31 (q6_k)
//
// Word w of a row holds
//   f32              column w
//   f16, bf16        columns 2w (low half), 2w + 1
//   q4_*, q5_*, q6_* columns 8w + b in the low nibble of byte b, 8w + 4 + b in the high nibble
//   q8_0             columns 4w + b in byte b, as value + 128
// High words hold the bits above the nibbles: those of column 4k + b in byte b, at bit k (q5_*: one
// word) or 2(k mod 4) of word k / 4 (q6_k: two words).
//
// Plain floats need not fill the last block: it has just the words it needs.
// Packing moves bits and changes no value; sizes are those of the source plus padding rows, and the
// bytes of integer scales (q4_k 2.8 %, q5_k 2.3 %) and unused minima (q6_k 1 %) in headers.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_STORAGE_PACKEDLAYOUT_H
#define NYALA_IR_STORAGE_PACKEDLAYOUT_H

#include "ir/storage/StoredFormat.h"

#include <span>
#include <string>

namespace nyala {

class PackedLayout {
public:
  static constexpr int64_t kGroupRows = 16;
  static constexpr int64_t kBlockColumns = 32;
  static constexpr int64_t kWordBytes = 4 * kGroupRows; ///< a word of all rows of a group

  /// `columns` must be a multiple of the format's blockValues.
  PackedLayout(StoredFormat format, int64_t rows, int64_t columns);

  StoredFormat getFormat() const { return format; }
  std::string getName() const; ///< "q4_1x16": the format, and rows of a group
  int64_t getRows() const { return rows; }
  int64_t getColumns() const { return columns; }
  int64_t getNumGroups() const { return (rows + kGroupRows - 1) / kGroupRows; }
  int64_t getNumFullBlocks() const { return columns / kBlockColumns; }
  int64_t getTailColumns() const { return columns % kBlockColumns; } ///< plain floats only

  int64_t getColumnsPerWord() const;
  /// Words of a block of `length` ≤ 32 columns.
  int64_t getNumWords(int64_t length) const;
  int64_t getHighBits() const; ///< of a column: 0, 1 (q5) or 2 (q6)
  int64_t getNumHighWords() const { return getHighBits(); }
  bool hasScales() const { return info.blockValues > 1; }
  bool hasMinima() const { return info.hasMinimum; }
  bool hasHeaders() const { return info.scaleValues > 0; } ///< K-quants
  /// q6_k: two scales a block, of columns 0..15 and 16..31.
  bool hasHalfScales() const { return info.scaleValues == kBlockColumns / 2; }
  /// What unsigned integers of the format are offset by: 8 for q4_0, 0 where there is a minimum.
  int64_t getQuantOffset() const { return info.quantOffset; }
  /// The largest of these unsigned integers, of formats with scales.
  int64_t getLargestQuant() const {
    return getColumnsPerWord() == 4 ? 255 : (1 << (4 + getHighBits())) - 1;
  }

  // Within a block. Scales and minima are f16, 16 of each; K-quants have them in headers.
  int64_t getHighBitsOffset() const { return getNumWords(kBlockColumns) * kWordBytes; }
  int64_t getScalesOffset() const { return getHighBitsOffset() + getNumHighWords() * kWordBytes; }
  int64_t getMinimaOffset() const { return getScalesOffset() + 2 * kGroupRows; }
  int64_t getBlockBytes() const;

  // Within the header of 8 blocks, which follow it.
  static constexpr int64_t kHeaderBlocks = kSuperBlockValues / kBlockColumns;
  static constexpr int64_t kHeaderMinimaOffset = 2 * kGroupRows;
  static constexpr int64_t kIntegerScalesOffset = 4 * kGroupRows;
  static constexpr int64_t kIntegerScalesBytes = 2 * kGroupRows; ///< of a block
  static constexpr int64_t kHeaderBytes =
      kIntegerScalesOffset + kHeaderBlocks * kIntegerScalesBytes;
  int64_t getSuperBlockBytes() const { return kHeaderBytes + kHeaderBlocks * getBlockBytes(); }

  int64_t getGroupBytes() const;
  int64_t getBytes() const { return getNumGroups() * getGroupBytes(); }

  /// Packs one group. `sources[i]` is the stored row i of the group, null for padding. Writes
  /// getGroupBytes() bytes.
  void packGroup(std::span<const uint8_t *const, 16> sources, uint8_t *out) const;

private:
  void packRow(const uint8_t *source, int64_t row, uint8_t *out) const;
  void packBlock(const StoredBlock &stored, int64_t row, uint8_t *out) const;
  void packSuperBlock(const StoredBlock &stored, int64_t row, uint8_t *out) const;
  void packQuants(const uint8_t *quants, int64_t row, uint8_t *out) const;

  StoredFormat format;
  StoredFormatInfo info;
  int64_t rows;
  int64_t columns;
};

} // namespace nyala

#endif // NYALA_IR_STORAGE_PACKEDLAYOUT_H
