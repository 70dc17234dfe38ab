#include "ir/storage/StoredFormat.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "model files are little-endian");

namespace nyala {

// In the order of StoredFormat.
static constexpr std::array<StoredFormatInfo, 11> formatInfos = {{
    {"f32", 1, 4, 0, 0, false, 0},
    {"f16", 1, 2, 0, 0, false, 0},
    {"bf16", 1, 2, 0, 0, false, 0},
    {"q4_0", 32, 2 + 16, 4, 8, false, 0},
    {"q4_1", 32, 2 + 2 + 16, 4, 0, true, 0},
    {"q5_0", 32, 2 + 4 + 16, 5, 16, false, 0},
    {"q5_1", 32, 2 + 2 + 4 + 16, 5, 0, true, 0},
    {"q8_0", 32, 2 + 32, 8, 128, false, 0},
    {"q4_k", kSuperBlockValues, 2 + 2 + 12 + 128, 4, 0, true, 32},
    {"q5_k", kSuperBlockValues, 2 + 2 + 12 + 32 + 128, 5, 0, true, 32},
    {"q6_k", kSuperBlockValues, 128 + 64 + 16 + 2, 6, 32, false, 16},
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

/// Nibbles of `count` values: the low ones of all bytes come first, then the high ones.
static void readNibbles(const uint8_t *nibbles, size_t count, uint8_t *quants) {
  for (size_t i = 0; i < count / 2; ++i) {
    quants[i] = nibbles[i] & 15;
    quants[count / 2 + i] = nibbles[i] >> 4;
  }
}

/// Bit i of 32 is the fifth bit of value i.
static void addHighBits(uint32_t bits, uint8_t *quants) {
  for (size_t i = 0; i < 32; ++i)
    quants[i] |= (bits >> i & 1) << 4;
}

/// 8 scales and 8 minima of 6 bits in 12 bytes: the first four of each in the low bits of bytes
/// 0..3 and 4..7; of the last four the low nibbles in bytes 8..11, the upper two bits on top of the
/// first ones.
static void readSixBitScales(const uint8_t *bytes, StoredBlock &block) {
  for (size_t i = 0; i < 4; ++i) {
    block.scales[i] = bytes[i] & 63;
    block.minima[i] = bytes[4 + i] & 63;
    block.scales[4 + i] = (bytes[8 + i] & 15) | (bytes[i] >> 6) << 4;
    block.minima[4 + i] = bytes[8 + i] >> 4 | (bytes[4 + i] >> 6) << 4;
  }
}

static void readQ5K(const uint8_t *highBits, uint8_t *quants) {
  // Bit b of byte i belongs to value i of the b-th 32 values.
  for (size_t i = 0; i < kSuperBlockValues; ++i)
    quants[i] |= (highBits[i % 32] >> (i / 32) & 1) << 4;
}

static void readQ6K(const uint8_t *bytes, StoredBlock &block) {
  const uint8_t *nibbles = bytes, *highBits = nibbles + 128;
  for (size_t half = 0; half < 2; ++half) {
    uint8_t *quants = block.quants + 128 * half;
    readNibbles(nibbles + 64 * half, 128, quants);
    for (size_t i = 0; i < 128; ++i)
      quants[i] |= (highBits[32 * half + i % 32] >> (2 * (i / 32)) & 3) << 4;
  }
  std::memcpy(block.scales, highBits + 64, 16);
  block.scale = load<uint16_t>(highBits + 64 + 16);
}

StoredBlock readBlock(StoredFormat format, const uint8_t *bytes) {
  StoredBlock block = {};
  if (format == StoredFormat::Q6_K) {
    readQ6K(bytes, block);
    return block;
  }
  block.scale = load<uint16_t>(bytes);
  const uint8_t *rest = bytes + 2;
  if (getInfo(format).hasMinimum) {
    block.minimum = load<uint16_t>(rest);
    rest += 2;
  }
  switch (format) {
  case StoredFormat::Q4_0:
  case StoredFormat::Q4_1:
    readNibbles(rest, 32, block.quants);
    break;
  case StoredFormat::Q5_0:
  case StoredFormat::Q5_1:
    readNibbles(rest + 4, 32, block.quants);
    addHighBits(load<uint32_t>(rest), block.quants);
    break;
  case StoredFormat::Q8_0:
    for (size_t i = 0; i < 32; ++i)
      block.quants[i] = rest[i] ^ 0x80;
    break;
  case StoredFormat::Q4_K:
  case StoredFormat::Q5_K: {
    readSixBitScales(rest, block);
    const uint8_t *highBits = rest + 12;
    const uint8_t *nibbles = highBits + (format == StoredFormat::Q5_K ? 32 : 0);
    for (size_t i = 0; i < kSuperBlockValues; i += 64)
      readNibbles(nibbles + i / 2, 64, block.quants + i);
    if (format == StoredFormat::Q5_K)
      readQ5K(highBits, block.quants);
    break;
  }
  default:
    assert(false && "plain floats have no blocks");
  }
  return block;
}

// A product and a sum are rounded one by one, as numpy does: the build forbids their contraction.
static void dequantizeBlock(StoredFormat format, const uint8_t *bytes, float *out) {
  const StoredFormatInfo &info = getInfo(format);
  StoredBlock block = readBlock(format, bytes);
  float d = halfToFloat(block.scale), m = halfToFloat(block.minimum);
  for (size_t i = 0; i < info.blockValues; ++i) {
    auto q = static_cast<float>(block.quants[i] - info.quantOffset);
    if (info.scaleValues == 0) {
      out[i] = info.hasMinimum ? d * q + m : d * q;
      continue;
    }
    size_t part = i / info.scaleValues; // products of halves and integers are exact
    if (info.hasMinimum)
      out[i] = d * static_cast<float>(block.scales[part]) * q -
               m * static_cast<float>(block.minima[part]);
    else
      out[i] = d * static_cast<float>(static_cast<int8_t>(block.scales[part])) * q;
  }
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
  const StoredFormatInfo &info = getInfo(format);
  assert(values % info.blockValues == 0);
  for (size_t i = 0; i < values; i += info.blockValues, from += info.blockBytes)
    dequantizeBlock(format, from, out + i);
}

bool canQuantize(StoredFormat format) {
  return format == StoredFormat::Q8_0 || format == StoredFormat::Q4_0;
}

/// Values of a block of both.
static constexpr size_t kQuantizedValues = 32;
/// The largest half: scales beyond it stay there, so that no value becomes infinite.
static constexpr float kLargestScale = 65504;

// Kernels do the same, operation by operation (codegen/cpu/SlotAccess.cpp). Comparisons with what
// is no number are false: it does not decide the scale, and becomes the largest integer.
StoredBlock quantizeBlock(StoredFormat format, const float *values) {
  bool bytes = format == StoredFormat::Q8_0;
  float highest = 0, lowest = 0; // lowest: negated
  for (size_t i = 0; i < kQuantizedValues; ++i) {
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
  for (size_t i = 0; i < kQuantizedValues; ++i) {
    float scaled = values[i] * inverse;
    scaled = scaled < high ? scaled : high;
    scaled = scaled > low ? scaled : low;
    block.quants[i] = static_cast<uint8_t>(static_cast<int>(std::nearbyint(scaled)) +
                                           getInfo(format).quantOffset);
  }
  return block;
}

void storeQuants(StoredFormat format, const StoredBlock &block, uint8_t *bytes) {
  constexpr size_t half = kQuantizedValues / 2;
  if (format == StoredFormat::Q8_0)
    for (size_t i = 0; i < kQuantizedValues; ++i)
      bytes[i] = block.quants[i] ^ 0x80;
  else
    for (size_t i = 0; i < half; ++i)
      bytes[i] = block.quants[i] | block.quants[half + i] << 4;
}

void quantize(StoredFormat format, const float *values, void *bytes, size_t count) {
  assert(canQuantize(format) && count % kQuantizedValues == 0);
  auto *to = static_cast<uint8_t *>(bytes);
  for (size_t i = 0; i < count; i += kQuantizedValues, to += getInfo(format).blockBytes) {
    StoredBlock block = quantizeBlock(format, values + i);
    std::memcpy(to, &block.scale, sizeof(block.scale));
    storeQuants(format, block, to + sizeof(block.scale));
  }
}

} // namespace nyala
