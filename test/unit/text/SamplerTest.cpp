#include "runtime/text/Sampler.h"
#include "runtime/core/Status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <new>
#include <numeric>
#include <random>

// Counts allocations of the whole program, for AllocatesNothing.
static std::atomic<size_t> allocations;
void *operator new(size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

using namespace nyala::rt;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

int32_t pickOne(const SamplerOptions &options, const std::vector<float> &logits) {
  return Sampler(options, logits.size()).pick(logits.data(), logits.size());
}

/// Share of picks that each id got.
std::map<int32_t, double> shares(const SamplerOptions &options, const std::vector<float> &logits,
                                 int picks = 40000) {
  Sampler sampler(options, logits.size());
  std::map<int32_t, double> out;
  for (int i = 0; i < picks; ++i)
    out[sampler.pick(logits.data(), logits.size())] += 1.0 / picks;
  return out;
}

TEST(Sampler, GreedyTakesTheLargestAndTheLowerIdOfEqualOnes) {
  EXPECT_EQ(pickOne({}, {1, 3, 2}), 1);
  EXPECT_EQ(pickOne({}, {1, 3, 3}), 1);
  EXPECT_EQ(pickOne({}, {-0.0f, 0.0f}), 0);
  EXPECT_EQ(pickOne({}, {nan, -5, nan}), 1);
  EXPECT_EQ(pickOne({}, {1, infinity, infinity}), 1);
  EXPECT_EQ(pickOne({.topK = 1, .topP = 0.1f}, {1, 2, 5}), 2);
}

TEST(Sampler, RefusesWhatCannotBeSampled) {
  EXPECT_THROW(pickOne({}, {nan, nan}), Failure);
  EXPECT_THROW(pickOne({.temperature = 1}, {nan, -infinity}), Failure);
  Sampler sampler({}, 4);
  std::vector<float> logits(5);
  EXPECT_THROW(sampler.pick(logits.data(), 0), Failure);
  EXPECT_THROW(sampler.pick(logits.data(), 5), Failure);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  for (SamplerOptions bad : {SamplerOptions{.temperature = -1},
                             {.temperature = nan},
                             {.temperature = infinity},
                             {.topP = 0},
                             {.topP = 1.5f},
                             {.topP = nan}})
    EXPECT_THROW(Sampler(bad, 4), Failure);
  try {
    Sampler({.topP = 2}, 4);
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_INVALID_ARGUMENT);
    EXPECT_STREQ(failure.what(), "top_p must be above 0 and at most 1, got 2.000000");
  }
}

/// The `count` largest logits, as a device selects them.
struct Candidates {
  std::vector<float> logits;
  std::vector<int32_t> ids;

  Candidates(std::vector<float> all, size_t count) {
    for (float &logit : all)
      logit = std::isnan(logit) ? -infinity : logit;
    ids.resize(all.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) { return all[a] > all[b]; });
    ids.resize(count);
    for (int32_t id : ids)
      logits.push_back(all[id]);
  }
};

TEST(Sampler, CandidatesGiveWhatAllLogitsGive) {
  constexpr size_t n = 500, count = 64;
  std::mt19937 random(5);
  std::vector<std::vector<float>> rows;
  for (float grain : {64.0f, 2.0f, 0.5f}) { // the coarser, the more equal ones
    rows.emplace_back(n);
    for (float &logit : rows.back())
      logit = std::round(static_cast<float>(random() % 1000) / 100 * grain) / grain;
  }
  rows.push_back(rows[0]);
  for (size_t i = 0; i < n; ++i)
    if (i % 50 != 7)
      rows.back()[i] = i % 2 ? nan : -infinity;
  rows.push_back(rows[0]);
  rows.back()[44] = rows.back()[333] = infinity;
  for (const SamplerOptions &options :
       {SamplerOptions{},
        {.topK = 40},
        {.temperature = 1, .topK = 1, .seed = 4},
        {.temperature = 0.7f, .topK = 40, .seed = 5},
        {.temperature = 3, .topK = 64, .seed = 6},
        {.temperature = 1.5f, .topK = 50, .topP = 0.8f, .seed = 7},
        {.temperature = 1e-3f, .topK = 20, .topP = 0.5f, .seed = 8}})
    for (const std::vector<float> &row : rows) {
      const Candidates candidates(row, count);
      Sampler all(options, n), some(options, n);
      for (int i = 0; i < 100; ++i)
        ASSERT_EQ(some.pickAmong(candidates.logits, candidates.ids, n), all.pick(row.data(), n));
    }
}

TEST(Sampler, NeedsAllLogitsWhereMoreThanTheCandidatesCount) {
  std::vector<float> row(100);
  std::iota(row.begin(), row.end(), 0.0f);
  const Candidates candidates(row, 64);
  const auto tells = [&](const SamplerOptions &options, size_t n = 100, Sampler::Mask mask = {}) {
    return Sampler(options, n).pickAmong(candidates.logits, candidates.ids, n, mask).has_value();
  };
  EXPECT_TRUE(tells({}));
  EXPECT_FALSE(Sampler({}, 100).pickAmong({}, {}, 100).has_value());
  EXPECT_TRUE(tells({.temperature = 1, .topK = 64}));
  EXPECT_FALSE(tells({.temperature = 1, .topK = 65}));
  EXPECT_FALSE(tells({.temperature = 1}));
  EXPECT_FALSE(tells({.temperature = 1, .topP = 0.5f}));
  // All are kept, in the order of their ids.
  EXPECT_FALSE(tells({.temperature = 1, .topK = 64}, 64));
  // Candidates are 99 to 36. None of 0 to 15 is among them, and of 30 to 39 only four.
  const std::vector<uint64_t> low = {0xffff, 0}, few = {0xffc0000000, 0};
  EXPECT_FALSE(tells({}, 100, low));
  EXPECT_TRUE(tells({}, 100, few));
  EXPECT_TRUE(tells({.temperature = 1, .topK = 4}, 100, few));
  EXPECT_FALSE(tells({.temperature = 1, .topK = 5}, 100, few));
}

TEST(Sampler, WhatAMaskForbidsIsMinusInfinity) {
  constexpr size_t n = 300, words = 5;
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> row(n);
    for (float &logit : row) // many equal ones
      logit = static_cast<float>(random() % 20) / 4;
    row[random() % n] = nan;
    std::vector<uint64_t> mask(words);
    for (uint64_t &word : mask) {
      const uint64_t kinds[] = {0, ~uint64_t{0}, random(), random() & random() & random()};
      word = kinds[random() % 4];
    }
    mask[random() % 4] |= 1 << random() % 30;
    std::vector<float> masked = row;
    for (size_t id = 0; id < n; ++id)
      if (!(mask[id / 64] >> (id % 64) & 1))
        masked[id] = -infinity;
    const Candidates candidates(row, 64);
    for (const SamplerOptions &options :
         {SamplerOptions{},
          {.temperature = 1, .seed = 3},
          {.temperature = 1, .topK = 5, .seed = 4},
          {.temperature = 2, .topP = 0.7f, .seed = 5},
          {.temperature = 1, .topK = 20, .topP = 0.9f, .seed = 6}}) {
      Sampler expected(options, n), got(options, n), some(options, n);
      if (std::ranges::none_of(masked, [](float logit) { return logit > -infinity; })) {
        EXPECT_THROW(got.pick(row.data(), n, mask), Failure);
        continue;
      }
      for (int draw = 0; draw < 5; ++draw) {
        const int32_t id = expected.pick(masked.data(), n);
        ASSERT_EQ(got.pick(row.data(), n, mask), id);
        if (const auto among = some.pickAmong(candidates.logits, candidates.ids, n, mask))
          ASSERT_EQ(*among, id);
      }
    }
  }
  EXPECT_THROW(Sampler({}, n).pick(std::vector<float>(n).data(), n, std::vector<uint64_t>(4)),
               Failure);
}

TEST(Sampler, SharesFollowTheSoftmax) {
  std::vector<float> logits = {std::log(1.0f), std::log(2.0f), nan, std::log(5.0f), -infinity};
  auto got = shares({.temperature = 1, .seed = 3}, logits);
  EXPECT_EQ(got.size(), 3u);
  EXPECT_NEAR(got[0], 1.0 / 8, 0.01);
  EXPECT_NEAR(got[1], 2.0 / 8, 0.01);
  EXPECT_NEAR(got[3], 5.0 / 8, 0.01);
  got = shares({.temperature = 0.5f, .seed = 3}, logits); // squares: 1, 4, 25
  EXPECT_NEAR(got[1], 4.0 / 30, 0.01);
  EXPECT_NEAR(got[3], 25.0 / 30, 0.01);
}

TEST(Sampler, TopKKeepsTheLargestAndLowerIdsOfEqualOnes) {
  auto got = shares({.temperature = 1, .topK = 2}, {0, 1, 1, 1});
  EXPECT_EQ(got.size(), 2u);
  EXPECT_NEAR(got[1], 0.5, 0.01);
  EXPECT_NEAR(got[2], 0.5, 0.01);
  EXPECT_EQ(shares({.temperature = 1, .topK = 9}, {0, 0, 0}).size(), 3u);
}

TEST(Sampler, TopPKeepsTheSmallestNucleus) {
  // Shares 0.5, 0.3, 0.15, 0.05, not in order.
  std::vector<float> logits = {std::log(0.15f), std::log(0.5f), std::log(0.05f), std::log(0.3f)};
  auto ids = [&](SamplerOptions options) {
    std::vector<int32_t> out;
    for (auto [id, share] : shares(options, logits))
      out.push_back(id);
    return out;
  };
  using testing::ElementsAre;
  EXPECT_THAT(ids({.temperature = 1, .topP = 0.001f}), ElementsAre(1));
  EXPECT_THAT(ids({.temperature = 1, .topP = 0.45f}), ElementsAre(1));
  EXPECT_THAT(ids({.temperature = 1, .topP = 0.7f}), ElementsAre(1, 3));
  EXPECT_THAT(ids({.temperature = 1, .topP = 0.9f}), ElementsAre(0, 1, 3));
  // top_p counts within what top_k left: 0.5 / 0.8 is not yet 0.7.
  EXPECT_THAT(ids({.temperature = 1, .topK = 2, .topP = 0.7f}), ElementsAre(1, 3));
  EXPECT_THAT(ids({.temperature = 1, .topK = 2, .topP = 0.6f}), ElementsAre(1));
}

TEST(Sampler, InfiniteLogitsShareEverything) {
  auto got = shares({.temperature = 1}, {infinity, 1000, infinity});
  EXPECT_EQ(got.size(), 2u);
  EXPECT_NEAR(got[0], 0.5, 0.01);
  EXPECT_EQ(pickOne({.temperature = 1e-38f}, {0, -1e-30f, 3}), 2);
}

TEST(Sampler, DrawsAreFixedForAllTime) {
  // From the formulas of Sampler.h in Python integers: 16 equal logits make u * 16 the id.
  std::vector<float> logits(16, 2.5f);
  for (auto [seed, expected] :
       std::map<uint64_t, std::vector<int32_t>>{{0, {14, 6, 0, 15, 1, 5, 2, 12}},
                                                {1, {11, 5, 7, 15, 3, 9, 7, 2}},
                                                {42, {9, 2, 2, 0, 15, 3, 4, 2}},
                                                {UINT64_MAX, {10, 11, 5, 0, 13, 0, 7, 12}}}) {
    Sampler sampler({.temperature = 0.8f, .seed = seed}, 16);
    std::vector<int32_t> got;
    for (int i = 0; i < 8; ++i)
      got.push_back(sampler.pick(logits.data(), 16));
    EXPECT_EQ(got, expected);
    sampler.setOptions({.temperature = 0.8f, .seed = seed});
    EXPECT_EQ(sampler.pick(logits.data(), 16), expected[0]);
  }
}

TEST(Sampler, NucleusIsTheSameWithAndWithoutSorting) {
  // top_k of all but one takes the sorted path, top_k off the heap.
  std::vector<float> logits;
  for (int i = 0; i < 500; ++i)
    logits.push_back(static_cast<float>((i * 7919) % 503) / 60);
  logits.push_back(-1000);
  for (float topP : {0.1f, 0.5f, 0.9f, 0.99f}) {
    Sampler heap({.temperature = 1.3f, .topP = topP, .seed = 9}, logits.size());
    Sampler sorted({.temperature = 1.3f, .topK = 500, .topP = topP, .seed = 9}, logits.size());
    for (int i = 0; i < 200; ++i)
      ASSERT_EQ(heap.pick(logits.data(), logits.size()), sorted.pick(logits.data(), logits.size()));
  }
}

TEST(Sampler, AllocatesNothing) {
  std::vector<float> logits(5000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = std::sin(static_cast<float>(i));
  Sampler sampler({}, logits.size());
  size_t before = allocations;
  for (SamplerOptions options : {SamplerOptions{},
                                 {.temperature = 1},
                                 {.temperature = 1, .topK = 40},
                                 {.temperature = 1, .topP = 0.9f},
                                 {.temperature = 1, .topK = 4000, .topP = 0.9f}}) {
    sampler.setOptions(options);
    sampler.pick(logits.data(), logits.size());
  }
  EXPECT_EQ(allocations, before);
}

} // namespace
