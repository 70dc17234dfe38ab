//===- KvMapTest.cpp - Maps of shared layers ------------------------------===//
#include "passes/kv/KvMap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala::kv;
using ::testing::ElementsAre;

namespace {

TEST(KvMap, Factors) {
  EXPECT_THAT(makeOwnMap(3), ElementsAre(0, 1, 2));
  EXPECT_THAT(makeFactorMap(5, 2), ElementsAre(0, 0, 2, 2, 4));
  EXPECT_THAT(makeFactorMap(5, 5), ElementsAre(0, 0, 0, 0, 0));
}

TEST(KvMap, BalancedGroupsDifferByOne) {
  EXPECT_THAT(makeBalancedMap(5, 2), ElementsAre(0, 0, 0, 3, 3));
  EXPECT_THAT(makeBalancedMap(7, 3), ElementsAre(0, 0, 0, 3, 3, 5, 5));
  EXPECT_THAT(makeBalancedMap(3, 3), ElementsAre(0, 1, 2));
}

TEST(KvMap, CountsAndText) {
  EXPECT_EQ(countProducers({0, 0, 2, 2, 4}), 3);
  EXPECT_EQ(formatMap({0, 0, 2}), "0,0,2");
  KvMap map;
  ASSERT_TRUE(mlir::succeeded(parseMap("0,0,2,2,10", map)));
  EXPECT_THAT(map, ElementsAre(0, 0, 2, 2, 10));
  for (const char *wrong : {"", "0,", "a", "0 1"}) {
    KvMap none;
    EXPECT_TRUE(mlir::failed(parseMap(wrong, none))) << wrong;
  }
}

} // namespace
