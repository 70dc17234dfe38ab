#include "tools/nyala-train/Schedule.h"

#include <gtest/gtest.h>

using nyala::train::Schedule;

namespace {

TEST(Schedule, RisesAndStays) {
  Schedule schedule{"constant", 1.0, 0.5, 4, 10};
  EXPECT_DOUBLE_EQ(schedule.getRate(0), 0.25);
  EXPECT_DOUBLE_EQ(schedule.getRate(3), 1.0);
  EXPECT_DOUBLE_EQ(schedule.getRate(9), 1.0);
}

TEST(Schedule, FallsInALine) {
  Schedule schedule{"linear", 1.0, 0.2, 2, 10};
  EXPECT_DOUBLE_EQ(schedule.getRate(1), 1.0);
  EXPECT_DOUBLE_EQ(schedule.getRate(2), 1.0);
  EXPECT_DOUBLE_EQ(schedule.getRate(6), 0.6);
  EXPECT_DOUBLE_EQ(schedule.getRate(10), 0.2);
  EXPECT_DOUBLE_EQ(schedule.getRate(99), 0.2);
}

TEST(Schedule, FallsAsACosine) {
  Schedule schedule{"cosine", 1.0, 0.0, 0, 4};
  EXPECT_DOUBLE_EQ(schedule.getRate(0), 1.0);
  EXPECT_NEAR(schedule.getRate(1), 0.853553, 1e-6);
  EXPECT_NEAR(schedule.getRate(2), 0.5, 1e-12);
}

TEST(Schedule, IsDefinedWithoutStepsToFallIn) {
  for (const char *kind : {"constant", "linear", "cosine"}) {
    EXPECT_DOUBLE_EQ((Schedule{kind, 1.0, 0.0, 5, 5}.getRate(4)), 1.0);
    EXPECT_DOUBLE_EQ((Schedule{kind, 1.0, 0.0, 0, 0}.getRate(0)), 1.0);
  }
}

} // namespace
