#include "ir/storage/SlotLayout.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace nyala;

namespace {

using Block = std::array<float, SlotLayout::kBlockChannels>;

/// What a block holds after `values` have been stored in it.
Block roundTrip(StoredFormat format, const Block &values) {
  SlotLayout layout(format, SlotLayout::kBlockChannels);
  std::vector<uint8_t> slot(layout.getSlotBytes());
  Block result;
  layout.store(values.data(), slot.data());
  layout.load(slot.data(), result.data());
  return result;
}

TEST(SlotLayout, Sizes) {
  SlotLayout bytes(StoredFormat::Q8_0, 192), nibbles(StoredFormat::Q4_0, 192);
  EXPECT_EQ(bytes.getSlotBytes(), 192 * 34 / 32);
  EXPECT_EQ(bytes.getScalesOffset(), 192);
  EXPECT_EQ(nibbles.getSlotBytes(), 192 * 18 / 32);
  EXPECT_EQ(nibbles.getScalesOffset(), 96);
  EXPECT_EQ(SlotLayout(StoredFormat::Q8_0, 0).getSlotBytes(), 0);
  EXPECT_TRUE(canQuantize(StoredFormat::Q4_0));
  EXPECT_FALSE(canQuantize(StoredFormat::Q4_1));
  EXPECT_FALSE(canQuantize(StoredFormat::F16));
}

TEST(SlotLayout, PlacesIntegersThenScales) {
  std::vector<float> values(64, 0);
  values[0] = 127;
  values[1] = -127;
  values[32 + 31] = 2 * -127;
  std::vector<uint8_t> slot(68);
  SlotLayout(StoredFormat::Q8_0, 64).store(values.data(), slot.data());
  EXPECT_EQ(slot[0], 0x7f);
  EXPECT_EQ(slot[1], 0x81);
  EXPECT_EQ(slot[63], 0x81);
  EXPECT_EQ(slot[65] << 8 | slot[64], floatToHalf(1));
  EXPECT_EQ(slot[67] << 8 | slot[66], floatToHalf(2));

  values = std::vector<float>(64, 0);
  values[0] = -8;      // q = 0
  values[16] = 7;      // q = 15
  values[32 + 17] = 8; // q = 0 of the scale -1
  SlotLayout(StoredFormat::Q4_0, 64).store(values.data(), slot.data());
  EXPECT_EQ(slot[0], 0xf0);
  EXPECT_EQ(slot[1], 0x88);
  EXPECT_EQ(slot[16 + 1], 0x08);
  EXPECT_EQ(slot[33] << 8 | slot[32], floatToHalf(1));
  EXPECT_EQ(slot[35] << 8 | slot[34], floatToHalf(-1));
}

TEST(SlotLayout, ErrorIsHalfAStep) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 1000; ++i) {
    Block values;
    float largest = 0;
    for (float &value : values) {
      value = normal(random);
      largest = std::max(largest, std::fabs(value));
    }
    Block bytes = roundTrip(StoredFormat::Q8_0, values);
    Block nibbles = roundTrip(StoredFormat::Q4_0, values);
    for (size_t c = 0; c < values.size(); ++c) {
      // The scale is rounded to 11 bits.
      EXPECT_LE(std::fabs(bytes[c] - values[c]), largest * (0.5F / 127 + 0x1p-11F));
      // One side ends a step before the largest magnitude.
      EXPECT_LE(std::fabs(nibbles[c] - values[c]), largest * (1.0F / 8 + 0x1p-11F));
    }
    // What blocks hold they keep.
    EXPECT_EQ(roundTrip(StoredFormat::Q8_0, bytes), bytes);
    EXPECT_EQ(roundTrip(StoredFormat::Q4_0, nibbles), nibbles);
  }
}

TEST(SlotLayout, TiesGoToEven) {
  Block values = {127, 0.5F, 1.5F, -0.5F, -2.5F};
  EXPECT_EQ(roundTrip(StoredFormat::Q8_0, values), (Block{127, 0, 2, 0, -2}));
  values = {-8, 0.5F, 1.5F, 6.5F, 7.5F};
  EXPECT_EQ(roundTrip(StoredFormat::Q4_0, values), (Block{-8, 0, 2, 6, 7}));
}

TEST(SlotLayout, StaysFinite) {
  for (StoredFormat format : {StoredFormat::Q8_0, StoredFormat::Q4_0}) {
    EXPECT_EQ(roundTrip(format, Block{}), Block{});
    for (float large : {3.0e38F, std::numeric_limits<float>::infinity()})
      for (float value : roundTrip(format, Block{1, large, -large, NAN}))
        EXPECT_TRUE(std::isfinite(value));
    // What is no number does not decide the scale.
    EXPECT_EQ(roundTrip(format, Block{NAN, -8})[1], roundTrip(format, Block{0, -8})[1]);
  }
}

} // namespace
