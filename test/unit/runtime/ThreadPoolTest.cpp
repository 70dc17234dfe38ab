//===- ThreadPoolTest.cpp -------------------------------------------------===//

#include "runtime/devices/cpu/ThreadPool.h"

#include <ctime>
#include <gtest/gtest.h>
#include <numeric>

using namespace nyala::rt;

namespace {

/// Counts how often each item is computed, and keeps the length of the range that begins with it.
struct Tally {
  explicit Tally(size_t items) : items(items), lengths(items) {}
  static void work(const void *context, unsigned, int64_t begin, int64_t end) {
    Tally &tally = *static_cast<Tally *>(const_cast<void *>(context));
    for (int64_t i = begin; i < end; ++i)
      ++tally.items[i];
    tally.lengths[begin] = end - begin;
  }
  std::vector<int> items;
  std::vector<int64_t> lengths;
};

void noWork(const void *, unsigned, int64_t, int64_t) {}

double cpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

TEST(ThreadPool, EveryItemOnceInEqualRanges) {
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (int64_t items : {0, 1, 2, 3, 7, 64, 1001}) {
      Tally tally(items);
      pool.run(Tally::work, &tally, items);
      EXPECT_EQ(std::accumulate(tally.items.begin(), tally.items.end(), 0), items);
      for (int count : tally.items)
        EXPECT_EQ(count, 1);
      // Whoever computes a range, it is one of as many equal ranges as there are workers.
      if (items > 1)
        for (int64_t length : tally.lengths)
          EXPECT_TRUE(length == 0 || length == items / threads || length == items / threads + 1)
              << length;
    }
  }
}

TEST(ThreadPool, ManySmallJobs) {
  ThreadPool pool(4);
  Tally tally(13);
  const int jobs = 20000;
  for (int job = 0; job < jobs; ++job)
    pool.run(Tally::work, &tally, 13);
  for (int count : tally.items)
    EXPECT_EQ(count, jobs);
}

// Jobs that come after the workers fell asleep, and pools that are closed while they sleep or spin.
TEST(ThreadPool, SleepingWorkersWake) {
  for (int round = 0; round < 5; ++round) {
    ThreadPool pool(3);
    Tally tally(9);
    for (int job = 0; job < 4; ++job) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      pool.run(Tally::work, &tally, 9);
    }
    for (int count : tally.items)
      EXPECT_EQ(count, 4);
  }
}

TEST(ThreadPool, IdleWorkersUseNoProcessor) {
  ThreadPool pool(2);
  pool.run(noWork, nullptr, 2);
  const double before = cpuSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(cpuSeconds() - before, 0.05);
}

TEST(ThreadPool, MoreThreadsThanCores) {
  ThreadPool pool(ThreadPool::maxThreads);
  Tally tally(1000);
  for (int job = 0; job < 10; ++job)
    pool.run(Tally::work, &tally, 1000);
  for (int count : tally.items)
    EXPECT_EQ(count, 10);
}

TEST(ThreadPool, CountsCores) {
  EXPECT_GE(countUsableCores(), 1u);
  EXPECT_LE(countUsableCores(), std::max(1u, std::thread::hardware_concurrency()));
}

} // namespace
