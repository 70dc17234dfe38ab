#include "tools/nyala-train/Batches.h"
#include "tools/nyala-train/SplitMix64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

using namespace nyala::train;
using testing::ElementsAre;

namespace {

TEST(SplitMix64, GivesItsPublishedNumbers) {
  SplitMix64 random(1234567); // Rosetta Code's
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
}

TEST(Batches, CountsWindowsThatHaveATarget) {
  EXPECT_EQ(countWindows(0, 4), 0u);
  EXPECT_EQ(countWindows(4, 4), 0u);
  EXPECT_EQ(countWindows(5, 4), 1u);
  EXPECT_EQ(countWindows(8, 4), 1u);
  EXPECT_EQ(countWindows(9, 4), 2u);
}

/// As the Python in docs/nyala-train.md gives it: shuffle(8, 3, 0), shuffle(8, 3, 1).
TEST(Batches, ShufflesAsDocumented) {
  EXPECT_THAT(shuffleWindows(8, 3, 0), ElementsAre(6, 5, 4, 0, 1, 2, 3, 7));
  EXPECT_THAT(shuffleWindows(8, 3, 1), ElementsAre(6, 0, 2, 4, 3, 7, 1, 5));
  EXPECT_THAT(shuffleWindows(1, 3, 0), ElementsAre(0));
}

TEST(Batches, TakesEachWindowOnceAnEpoch) {
  std::vector<int32_t> tokens(4 * 5 + 1);
  std::iota(tokens.begin(), tokens.end(), 0);
  Batches batches(tokens, 4, /*seed=*/7);
  ASSERT_EQ(batches.getWindows(), 5u);
  for (uint64_t epoch : {0, 1, 0}) { // in any order
    std::vector<uint64_t> seen;
    for (uint64_t i = 0; i < 5; ++i)
      seen.push_back(batches.getWindow(epoch * 5 + i));
    EXPECT_THAT(seen, testing::UnorderedElementsAre(0, 1, 2, 3, 4));
    EXPECT_EQ(seen, shuffleWindows(5, 7, epoch));
  }
}

TEST(Batches, FillsSequencesAcrossEpochs) {
  std::vector<int32_t> tokens(4 * 3 + 1);
  std::iota(tokens.begin(), tokens.end(), 0);
  Batches batches(tokens, 4, /*seed=*/0);
  std::vector<int32_t> inputs(8), targets(8);
  batches.fill(2, inputs, targets); // the last of epoch 0, the first of epoch 1
  auto last = static_cast<int32_t>(4 * shuffleWindows(3, 0, 0)[2]);
  auto first = static_cast<int32_t>(4 * shuffleWindows(3, 0, 1)[0]);
  EXPECT_THAT(inputs, ElementsAre(last, last + 1, last + 2, last + 3, first, first + 1, first + 2,
                                  first + 3));
  for (size_t i = 0; i < 8; ++i)
    EXPECT_EQ(targets[i], inputs[i] + 1);
}

} // namespace
