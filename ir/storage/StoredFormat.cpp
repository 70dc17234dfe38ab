#include "ir/storage/StoredFormat.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "model files are little-endian");

namespace nyala {

static constexpr size_t blockValues = 32;

// In the order of StoredFormat.
static constexpr std::array<StoredFormatInfo, 8> formatInfos = {{
    {"f32", 1, 4},
    {"f16", 1, 2},
    {"bf16", 1, 2},
    {"q4_0", blockValues, 2 + 16},
    {"q4_1", blockValues, 2 + 2 + 16},
    {"q5_0", blockValues, 2 + 4 + 16},
    {"q5_1", blockValues, 2 + 2 + 4 + 16},
    {"q8_0", blockValues, 2 + 32},
}};

const StoredFormatInfo &getInfo(StoredFormat format) {
  assert(static_cast<size_t>(format) < formatInfos.size());
  return formatInfos[static_cast<size_t>(format)];
}

std::optional<StoredFormat> parseStoredFormat(std::string_view name) {
  for (size_t i = 0; i < formatInfos.size(); ++i)
    if (formatInfos[i].name == name)
      return static_cast<StoredFormat>(i);
  return std::nullopt;
}

size_t storedBytes(StoredFormat format, size_t values) {
  const StoredFormatInfo &info = getInfo(format);
  assert(values % info.blockValues == 0);
  return values / info.blockValues * info.blockBytes;
}

float halfToFloat(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 0x1f;
  uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0x1f) // infinity, or NaN with its payload
    return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) {
    if (mantissa == 0)
      return std::bit_cast<float>(sign);
    // Subnormal: mantissa * 2^-24. Normalize, as f32 has the exponents for it.
    int shift = std::countl_zero(mantissa) - 21; // moves the top bit to bit 10
    mantissa = (mantissa << shift) & 0x3ff;
    exponent = static_cast<uint32_t>(1 - shift + 127 - 15);
    return std::bit_cast<float>(sign | exponent << 23 | mantissa << 13);
  }
  return std::bit_cast<float>(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

uint16_t floatToHalf(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN: made quiet, so that no payload is cut to that of infinity
    return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x47800000) // 2^16 and above, infinity
    return sign | 0x7c00;

  // The result's bits are `kept`, those below it the fraction that rounding looks at. A carry out
  // of the mantissa rightly moves on to the next exponent, and from 65504 to infinity.
  uint32_t kept, rest, half;
  if (magnitude >= 0x38800000) { // 2^-14: normal
    uint32_t rebiased = magnitude - ((127 - 15) << 23);
    kept = rebiased >> 13;
    rest = rebiased & 0x1fff;
    half = 0x1000;
  } else {
    uint32_t exponent = magnitude >> 23;
    if (exponent < 102) // below 2^-25, half of the least subnormal
      return sign;
    uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
    uint32_t shift = 126 - exponent; // 14..24: units of 2^-24
    kept = mantissa >> shift;
    rest = mantissa & ((1u << shift) - 1);
    half = 1u << (shift - 1);
  }
  if (rest > half || (rest == half && (kept & 1)))
    ++kept;
  return static_cast<uint16_t>(sign | kept);
}

float bfloatToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

template <typename T> static T load(const uint8_t *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// Calls `widen(q)` on each value of a block of nibbles: the low ones come first, then the high
/// ones; bit i of `high` is the fifth bit of value i.
template <typename Fn>
static void widenNibbles(const uint8_t *nibbles, uint32_t high, float *out, Fn widen) {
  constexpr size_t half = blockValues / 2;
  for (size_t i = 0; i < half; ++i) {
    out[i] = widen(static_cast<int>((nibbles[i] & 15) | (high >> i & 1) << 4));
    out[half + i] = widen(static_cast<int>(nibbles[i] >> 4 | (high >> (half + i) & 1) << 4));
  }
}

// A product and a sum are rounded one by one, as numpy does: the build forbids their contraction.
static void dequantizeBlock(StoredFormat format, const uint8_t *block, float *out) {
  float d = halfToFloat(load<uint16_t>(block));
  switch (format) {
  case StoredFormat::Q4_0:
    return widenNibbles(block + 2, 0, out, [=](int q) { return d * static_cast<float>(q - 8); });
  case StoredFormat::Q4_1: {
    float m = halfToFloat(load<uint16_t>(block + 2));
    return widenNibbles(block + 4, 0, out, [=](int q) { return d * static_cast<float>(q) + m; });
  }
  case StoredFormat::Q5_0:
    return widenNibbles(block + 6, load<uint32_t>(block + 2), out,
                        [=](int q) { return d * static_cast<float>(q - 16); });
  case StoredFormat::Q5_1: {
    float m = halfToFloat(load<uint16_t>(block + 2));
    return widenNibbles(block + 8, load<uint32_t>(block + 4), out,
                        [=](int q) { return d * static_cast<float>(q) + m; });
  }
  case StoredFormat::Q8_0:
    for (size_t i = 0; i < blockValues; ++i)
      out[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
    return;
  case StoredFormat::F32:
  case StoredFormat::F16:
  case StoredFormat::BF16:
    break;
  }
  assert(false && "plain floats have no blocks");
}

void dequantize(StoredFormat format, const void *bytes, float *out, size_t values) {
  if (values == 0)
    return;
  auto *from = static_cast<const uint8_t *>(bytes);
  switch (format) {
  case StoredFormat::F32:
    std::memcpy(out, from, values * sizeof(float));
    return;
  case StoredFormat::F16:
    for (size_t i = 0; i < values; ++i)
      out[i] = halfToFloat(load<uint16_t>(from + 2 * i));
    return;
  case StoredFormat::BF16:
    for (size_t i = 0; i < values; ++i)
      out[i] = bfloatToFloat(load<uint16_t>(from + 2 * i));
    return;
  default:
    break;
  }
  assert(values % blockValues == 0);
  size_t blockBytes = getInfo(format).blockBytes;
  for (size_t i = 0; i < values; i += blockValues, from += blockBytes)
    dequantizeBlock(format, from, out + i);
}

} // namespace nyala
