#include "ir/storage/StoredFormat.h"
#include "test/unit/storage/QuantizedVectors.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace nyala;

namespace {

TEST(StoredFormat, NamesRoundTrip) {
  for (uint32_t i = 0; i < 11; ++i) {
    auto format = static_cast<StoredFormat>(i);
    EXPECT_EQ(parseStoredFormat(getInfo(format).name), format);
  }
  EXPECT_EQ(parseStoredFormat("q3_k"), std::nullopt);
  EXPECT_EQ(parseStoredFormat(""), std::nullopt);
  EXPECT_EQ(parseStoredFormat("F32"), std::nullopt);
}

TEST(StoredFormat, Sizes) {
  EXPECT_EQ(storedBytes(StoredFormat::F32, 3), 12u);
  EXPECT_EQ(storedBytes(StoredFormat::BF16, 3), 6u);
  EXPECT_EQ(storedBytes(StoredFormat::Q4_0, 64), 36u);
  EXPECT_EQ(storedBytes(StoredFormat::Q4_1, 64), 40u);
  EXPECT_EQ(storedBytes(StoredFormat::Q5_0, 64), 44u);
  EXPECT_EQ(storedBytes(StoredFormat::Q5_1, 64), 48u);
  EXPECT_EQ(storedBytes(StoredFormat::Q8_0, 64), 68u);
  EXPECT_EQ(storedBytes(StoredFormat::Q8_0, 0), 0u);
  EXPECT_EQ(storedBytes(StoredFormat::Q4_K, 512), 288u);
  EXPECT_EQ(storedBytes(StoredFormat::Q5_K, 512), 352u);
  EXPECT_EQ(storedBytes(StoredFormat::Q6_K, 512), 420u);
}

std::vector<uint8_t> fromHex(std::string_view hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

TEST(StoredFormat, DequantizesAsGgufDoes) {
  for (const QuantizedVector &vector : quantizedVectors) {
    SCOPED_TRACE(getInfo(vector.format).name);
    std::vector<uint8_t> bytes = fromHex(vector.bytes);
    size_t count = std::size(vector.values);
    ASSERT_EQ(bytes.size(), storedBytes(vector.format, count));
    // At an odd address, as no alignment is promised.
    bytes.insert(bytes.begin(), 0);
    std::vector<float> values(count);
    dequantize(vector.format, bytes.data() + 1, values.data(), count);
    for (size_t i = 0; i < count; ++i)
      EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), vector.values[i]) << "value " << i;
  }
}

TEST(StoredFormat, DequantizesNothing) { dequantize(StoredFormat::F32, nullptr, nullptr, 0); }

TEST(StoredFormat, PlainFloatsKeepTheirBits) {
  // A signalling NaN and a subnormal.
  const uint32_t words[] = {0x7f800001, 0x00000001, 0x80000000, 0xff800000};
  float values[4];
  dequantize(StoredFormat::F32, words, values, 4);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), words[i]);
}

TEST(StoredFormat, EveryHalfIsExact) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    int exponent = bits >> 10 & 0x1f;
    int mantissa = bits & 0x3ff;
    float value = halfToFloat(static_cast<uint16_t>(bits));
    ASSERT_EQ(std::signbit(value), bits >> 15 != 0);
    if (exponent == 31) {
      ASSERT_EQ(std::isnan(value), mantissa != 0);
      ASSERT_EQ(std::isinf(value), mantissa == 0);
    } else {
      float magnitude = exponent == 0
                            ? std::ldexp(static_cast<float>(mantissa), -24)
                            : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
      ASSERT_EQ(std::fabs(value), magnitude);
    }
    uint32_t quiet = exponent == 31 && mantissa != 0 ? 0x200 : 0;
    ASSERT_EQ(floatToHalf(value), bits | quiet);
  }
}

TEST(StoredFormat, RoundsToTheNearestHalf) {
  // Between each two neighbours: their middle goes to the even one, its neighbours to the nearer.
  for (uint16_t low = 0; low < 0x7c00; ++low) {
    auto high = static_cast<uint16_t>(low + 1);
    float upper = high == 0x7c00 ? 65536.0f : halfToFloat(high); // as if exponents went on
    float middle = (halfToFloat(low) + upper) / 2;
    ASSERT_EQ(floatToHalf(middle), low % 2 == 0 ? low : high);
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 0.0f)), low);
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 1e30f)), high);
    ASSERT_EQ(floatToHalf(-middle), 0x8000 | (low % 2 == 0 ? low : high));
  }
}

TEST(StoredFormat, HalfExtremes) {
  using Limits = std::numeric_limits<float>;
  EXPECT_EQ(floatToHalf(Limits::infinity()), 0x7c00);
  EXPECT_EQ(floatToHalf(-Limits::infinity()), 0xfc00);
  EXPECT_EQ(floatToHalf(Limits::max()), 0x7c00);
  EXPECT_EQ(floatToHalf(65536.0f), 0x7c00);
  EXPECT_EQ(floatToHalf(-0.0f), 0x8000);
  EXPECT_EQ(floatToHalf(Limits::denorm_min()), 0);
  EXPECT_EQ(floatToHalf(-Limits::min()), 0x8000);
  // The payload would be cut off: still NaN.
  EXPECT_EQ(floatToHalf(std::bit_cast<float>(0x7f800001u)), 0x7e00);
}

TEST(StoredFormat, EveryBfloatIsExact) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    ASSERT_EQ(std::bit_cast<uint32_t>(bfloatToFloat(static_cast<uint16_t>(bits))), bits << 16);
}

} // namespace
