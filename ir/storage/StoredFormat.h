//===- StoredFormat.h - Number formats of weights in files ------*- C++ -*-===//
//
// What a weight's bytes mean, as model files store them: plain floats, or
// blocks of values that share a scale (and a minimum): 32 values, or 256 that
// are divided into smaller ones with integer scales of their own (K-quants).
// Plain C++, no MLIR: used by the GGUF reader, the reference interpreter and
// the weight packer.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_STORAGE_STOREDFORMAT_H
#define NYALA_IR_STORAGE_STOREDFORMAT_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nyala {

/// Block layouts are those of the GGUF format (ggml); `d` and `m` are f16, q unsigned.
enum class StoredFormat : uint32_t {
  F32,
  F16,
  BF16,
  Q4_0, ///< d, 16 bytes of nibbles: value = d * (q - 8); low nibbles are values 0..15
  Q4_1, ///< d, m, nibbles:          value = d * q + m
  Q5_0, ///< d, 32 high bits, nibbles: value = d * (q - 16)
  Q5_1, ///< d, m, 32 high bits, nibbles: value = d * q + m
  Q8_0, ///< d, 32 signed bytes:     value = d * q
  // Blocks of 256 values. s and m are integers of 32 (q4_k, q5_k: unsigned, 6 bits) or 16 values
  // (q6_k: signed, 8 bits); for how bits are spread over bytes see readBlock.
  Q4_K, ///< d, dmin, 8 pairs (s, m), nibbles: value = d * s * q - dmin * m
  Q5_K, ///< d, dmin, 8 pairs (s, m), 256 high bits, nibbles: value = d * s * q - dmin * m
  Q6_K, ///< nibbles, 256 pairs of high bits, 16 s, d: value = d * s * (q - 32)
};

struct StoredFormatInfo {
  std::string_view name; ///< "q4_1"
  size_t blockValues;    ///< values in a block along the last dimension (1 for plain floats)
  size_t blockBytes;     ///< bytes of a block
  int quantBits;         ///< bits of q; 0 for plain floats
  int quantOffset;       ///< what q is offset by: q8_0's too, see StoredBlock
  bool hasMinimum;       ///< does a value have a term without q?
  size_t scaleValues;    ///< values that share one s; 0 for formats without such scales
};

const StoredFormatInfo &getInfo(StoredFormat format);

/// Values of the larger kind of block.
inline constexpr size_t kSuperBlockValues = 256;

/// A block taken apart. Parts that the format lacks are zero.
struct StoredBlock {
  uint16_t scale;                    ///< d, f16
  uint16_t minimum;                  ///< m or dmin, f16
  uint8_t scales[16];                ///< s; q6_k: the bits of signed ones
  uint8_t minima[8];                 ///< q4_k, q5_k: m
  uint8_t quants[kSuperBlockValues]; ///< q, unsigned (q8_0: plus 128), in the order of values
};

/// Reads one block of a format with blocks. `bytes` needs no alignment.
StoredBlock readBlock(StoredFormat format, const uint8_t *bytes);
std::optional<StoredFormat> parseStoredFormat(std::string_view name);

/// Bytes of `values` consecutive values. `values` must be a multiple of blockValues.
size_t storedBytes(StoredFormat format, size_t values);

/// Widens `values` consecutive values (a multiple of blockValues) from `bytes` to f32, bit by bit
/// as the `gguf` package of PyPI does (only which NaN a NaN scale gives is left open). `bytes`
/// needs no alignment.
void dequantize(StoredFormat format, const void *bytes, float *out, size_t values);

/// Can values be rounded to the format? q8_0 and q4_0.
bool canQuantize(StoredFormat format);
/// Rounds 32 values to a block of q8_0 or q4_0: the nearest integers (ties to even) of the scale
/// that gives the value of largest magnitude the integer 127 (q8_0) or, offset, 0 (q4_0). In f32,
/// the same on every machine.
StoredBlock quantizeBlock(StoredFormat format, const float *values);
/// Writes the integers of such a block as the format has them behind the scale: 32 or 16 bytes.
void storeQuants(StoredFormat format, const StoredBlock &block, uint8_t *bytes);
/// Rounds `count` consecutive values, a multiple of blockValues, to stored blocks.
void quantize(StoredFormat format, const float *values, void *bytes, size_t count);

// Exact and the same on every machine: integer arithmetic, no CPU feature.
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value); ///< rounds to nearest even; a NaN becomes a quiet one
float bfloatToFloat(uint16_t bits);

} // namespace nyala

#endif // NYALA_IR_STORAGE_STOREDFORMAT_H
