//===- StoredFormat.h - Number formats of weights in files ------*- C++ -*-===//
//
// What a weight's bytes mean, as model files store them: plain floats, or
// blocks of 32 values that share a scale (and a minimum). Plain C++, no MLIR:
// used by the GGUF reader, the reference interpreter and the weight packer.
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
};

struct StoredFormatInfo {
  std::string_view name; ///< "q4_1"
  size_t blockValues;    ///< values in a block along the last dimension (1 for plain floats)
  size_t blockBytes;     ///< bytes of a block
};

const StoredFormatInfo &getInfo(StoredFormat format);
std::optional<StoredFormat> parseStoredFormat(std::string_view name);

/// Bytes of `values` consecutive values. `values` must be a multiple of blockValues.
size_t storedBytes(StoredFormat format, size_t values);

/// Widens `values` consecutive values (a multiple of blockValues) from `bytes` to f32, bit by bit
/// as the `gguf` package of PyPI does (only which NaN a NaN scale gives is left open). `bytes`
/// needs no alignment.
void dequantize(StoredFormat format, const void *bytes, float *out, size_t values);

// Exact and the same on every machine: integer arithmetic, no CPU feature.
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value); ///< rounds to nearest even; a NaN becomes a quiet one
float bfloatToFloat(uint16_t bits);

} // namespace nyala

#endif // NYALA_IR_STORAGE_STOREDFORMAT_H
