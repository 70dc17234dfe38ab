#include "ir/memory/ArenaPlanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace nyala;

namespace {

constexpr int64_t kAlignment = 64;

int64_t align(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

bool liveTogether(const ArenaValue &a, const ArenaValue &b) {
  return a.firstStep <= b.lastStep && b.firstStep <= a.lastStep;
}

/// The most bytes that are alive at one step: no arena is smaller.
int64_t getLowerBound(const std::vector<ArenaValue> &values) {
  int64_t bound = 0;
  for (const ArenaValue &at : values) {
    int64_t bytes = 0;
    for (const ArenaValue &value : values)
      if (value.firstStep <= at.firstStep && at.firstStep <= value.lastStep)
        bytes += align(value.bytes);
    bound = std::max(bound, bytes);
  }
  return bound;
}

void expectValid(const std::vector<ArenaValue> &values, int64_t size) {
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i].offset % kAlignment, 0);
    EXPECT_GE(values[i].offset, 0);
    EXPECT_LE(values[i].offset + values[i].bytes, size);
    for (size_t j = 0; j < i; ++j)
      if (liveTogether(values[i], values[j]))
        EXPECT_TRUE(values[i].offset + values[i].bytes <= values[j].offset ||
                    values[j].offset + values[j].bytes <= values[i].offset)
            << "values " << j << " and " << i;
  }
  EXPECT_GE(size, getLowerBound(values));
}

TEST(ArenaPlannerTest, NoValuesNeedNothing) {
  std::vector<ArenaValue> values;
  EXPECT_EQ(planArena(values, kAlignment), 0);
}

TEST(ArenaPlannerTest, ChainsAlternateBetweenTwoPlaces) {
  std::vector<ArenaValue> values;
  for (int64_t step = 0; step < 30; ++step)
    values.push_back({2304, step, step + 1});
  EXPECT_EQ(planArena(values, kAlignment), 2 * 2304);
  expectValid(values, 2 * 2304);
}

TEST(ArenaPlannerTest, SizesAreAligned) {
  std::vector<ArenaValue> values = {{1, 0, 0}, {65, 0, 0}};
  EXPECT_EQ(planArena(values, kAlignment), 64 + 128);
  expectValid(values, 64 + 128);
}

// The last step that reads a value may not write over it.
TEST(ArenaPlannerTest, LifetimesIncludeTheirLastStep) {
  std::vector<ArenaValue> values = {{64, 0, 3}, {64, 3, 5}, {64, 4, 5}};
  EXPECT_EQ(planArena(values, kAlignment), 128);
  EXPECT_NE(values[0].offset, values[1].offset);
  EXPECT_EQ(values[0].offset, values[2].offset);
}

TEST(ArenaPlannerTest, GapsAreFilled) {
  std::vector<ArenaValue> values = {{256, 0, 9}, {128, 0, 1}, {192, 2, 9}, {64, 0, 1}};
  EXPECT_EQ(planArena(values, kAlignment), 256 + 192);
  expectValid(values, 256 + 192);
}

// Largest first would need 640: the two largest, which never meet, both take offset 0.
TEST(ArenaPlannerTest, HolesAtThePeakAreAvoided) {
  std::vector<ArenaValue> values = {{256, 0, 1}, {192, 1, 2}, {192, 2, 3}, {256, 3, 4}};
  EXPECT_EQ(planArena(values, kAlignment), 256 + 192);
  expectValid(values, 256 + 192);
}

// Placed among them, a small value that lives long would.
TEST(ArenaPlannerTest, SmallValuesDriveNoLargeOnesApart) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<ArenaValue> large(20), values;
    for (ArenaValue &value : large) {
      value.bytes = (1 + random() % 8) << 20;
      value.firstStep = random() % 40;
      value.lastStep = value.firstStep + random() % 20;
    }
    values = large;
    for (int64_t step = 0; step < 10; ++step)
      values.push_back({64, step, 50 - step});
    int64_t size = planArena(values, kAlignment);
    expectValid(values, size);
    EXPECT_LE(size, planArena(large, kAlignment) + 10 * 64);
  }
}

TEST(ArenaPlannerTest, RandomLifetimesNeverOverlap) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<ArenaValue> values(random() % 60);
    for (ArenaValue &value : values) {
      value.bytes = trial % 3 == 0 ? 64 * (1 + random() % 4) : random() % 5000;
      value.firstStep = random() % 40;
      value.lastStep = value.firstStep + random() % (trial % 2 ? 4 : 40);
    }
    std::vector<ArenaValue> again = values;
    int64_t size = planArena(values, kAlignment);
    expectValid(values, size);
    EXPECT_EQ(planArena(again, kAlignment), size);
  }
}

} // namespace
