//===- BudgetTest.cpp - Budgets of memory as users write them -------------===//

#include "passes/remat/Budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala::remat;

namespace {

TEST(BudgetTest, ReadsSizes) {
  const std::pair<const char *, int64_t> sizes[] = {
      {"0", 0},
      {"123456789", 123456789},
      {"9007199254740993", 9007199254740993}, // no double
      {"7B", 7},
      {"1kB", 1000},
      {"1.5GB", 1500000000},
      {"2tb", 2000000000000},
      {"4GiB", int64_t(4) << 30},
      {"0.5mib", 1 << 19},
      {"1TiB", int64_t(1) << 40},
  };
  for (auto [text, bytes] : sizes) {
    llvm::Expected<Budget> budget = parseBudget(text);
    ASSERT_TRUE(static_cast<bool>(budget)) << text;
    EXPECT_FALSE(budget->isFraction) << text;
    EXPECT_EQ(budget->bytes, bytes) << text;
  }
}

TEST(BudgetTest, ReadsPercentages) {
  const std::pair<const char *, double> percentages[] = {
      {"100%", 1}, {"50%", 0.5}, {"2.5%", 0.025}};
  for (auto [text, fraction] : percentages) {
    llvm::Expected<Budget> budget = parseBudget(text);
    ASSERT_TRUE(static_cast<bool>(budget)) << text;
    EXPECT_TRUE(budget->isFraction) << text;
    EXPECT_DOUBLE_EQ(budget->fraction, fraction) << text;
  }
}

TEST(BudgetTest, RefusesNonsense) {
  for (const char *text : {"",
                           "%",
                           "zebra",
                           "-1",
                           "-5%",
                           "+5",
                           "0%",
                           "101%",
                           "nan%",
                           "1e9",
                           "0x10",
                           "1.5",
                           "1.5B",
                           "GiB",
                           "4 GiB",
                           "4G",
                           "4GiBs",
                           "1..5GB",
                           "99999999999999999999",
                           "9999999999TiB",
                           ".5GB",
                           "50%%"}) {
    llvm::Expected<Budget> budget = parseBudget(text);
    ASSERT_FALSE(static_cast<bool>(budget)) << text;
    std::string error = llvm::toString(budget.takeError());
    EXPECT_THAT(error, testing::HasSubstr("expected bytes (123456789), a size (4GiB")) << text;
    EXPECT_THAT(error, testing::EndsWith("got '" + std::string(text) + "'"));
  }
}

} // namespace
