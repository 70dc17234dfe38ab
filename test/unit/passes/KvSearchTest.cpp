//===- KvSearchTest.cpp - The search on losses that are known -------------===//
#include "passes/kv/KvSearch.h"

#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace nyala::kv;
using ::testing::ElementsAre;

namespace {

/// A loss by formula.
class KnownLoss : public KvLoss {
public:
  explicit KnownLoss(std::function<double(ArrayRef<int64_t>)> formula)
      : formula(std::move(formula)) {}

  size_t getWindows() const override { return 3; }
  FailureOr<double> compute(ArrayRef<int64_t> map, size_t first, size_t count) override {
    EXPECT_GE(count, 1u);
    EXPECT_LE(first + count, getWindows());
    ++computed;
    if (failsAt == computed)
      return failure();
    return formula(map);
  }

  unsigned computed = 0, failsAt = 0;

private:
  std::function<double(ArrayRef<int64_t>)> formula;
};

class KvSearchTest : public ::testing::Test {
protected:
  FailureOr<RatedMap> search(KnownLoss &loss, int64_t layers, int64_t caches) {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      message = diagnostic.str();
      return success();
    });
    return searchMap(
        loss, layers, caches, [&](int64_t c, int64_t p) { return shareable(c, p); },
        [&] { return emitError(UnknownLoc::get(&context)); });
  }

  MLIRContext context;
  std::string message;
  std::function<bool(int64_t, int64_t)> shareable = [](int64_t, int64_t) { return true; };
};

/// Each consumer costs what its pair does.
double addPairs(ArrayRef<int64_t> map, const std::function<double(int64_t, int64_t)> &cost) {
  double sum = 1;
  for (int64_t layer = 0; layer < static_cast<int64_t>(map.size()); ++layer)
    if (map[layer] != layer)
      sum += cost(map[layer], layer);
  return sum;
}

TEST_F(KvSearchTest, FindsTheCheapPairs) {
  // Layers 1 and 4, 2 and 5 fit; everything else costs.
  KnownLoss loss([](ArrayRef<int64_t> map) {
    return addPairs(map, [](int64_t p, int64_t c) { return c - p == 3 && p > 0 ? 0.1 : 5; });
  });
  FailureOr<RatedMap> found = search(loss, 6, 4);
  ASSERT_TRUE(succeeded(found));
  EXPECT_THAT(found->map, ElementsAre(0, 1, 2, 3, 1, 2));
  EXPECT_DOUBLE_EQ(found->loss, 1.2);
}

TEST_F(KvSearchTest, NeverWorseThanAFactor) {
  // Pairs alone say that neighbours are bad, groups of neighbours together are best.
  KnownLoss loss([](ArrayRef<int64_t> map) {
    if (map == ArrayRef<int64_t>({0, 0, 2, 2, 4, 4}))
      return 0.5;
    return addPairs(map, [](int64_t p, int64_t c) { return c - p == 1 ? 9 : 1; });
  });
  FailureOr<RatedMap> found = search(loss, 6, 3);
  ASSERT_TRUE(succeeded(found));
  EXPECT_THAT(found->map, ElementsAre(0, 0, 2, 2, 4, 4));
}

TEST_F(KvSearchTest, KeepsApartWhatMayNotShare) {
  // Layers of two kinds, as full and sliding attention.
  shareable = [](int64_t c, int64_t p) { return c % 2 == p % 2; };
  KnownLoss loss([&](ArrayRef<int64_t> map) {
    return addPairs(map, [&](int64_t p, int64_t c) {
      EXPECT_TRUE(shareable(c, p));
      return static_cast<double>(c);
    });
  });
  FailureOr<RatedMap> found = search(loss, 6, 2);
  ASSERT_TRUE(succeeded(found));
  EXPECT_THAT(found->map, ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_TRUE(failed(search(loss, 6, 1)));
  EXPECT_EQ(message, "no sharing leaves 1 caches of 6 layers: layers that differ in their keys "
                     "cannot share; keep more");
}

TEST_F(KvSearchTest, AllCachesStayWhereTheyAre) {
  KnownLoss loss([](ArrayRef<int64_t> map) { return addPairs(map, [](auto, auto) { return 1; }); });
  FailureOr<RatedMap> found = search(loss, 4, 4);
  ASSERT_TRUE(succeeded(found));
  EXPECT_THAT(found->map, ElementsAre(0, 1, 2, 3));
}

TEST_F(KvSearchTest, FailuresEndIt) {
  for (unsigned at : {1, 2, 20}) {
    KnownLoss loss([](ArrayRef<int64_t>) { return 1.0; });
    loss.failsAt = at;
    EXPECT_TRUE(failed(search(loss, 6, 2)));
    EXPECT_EQ(loss.computed, at);
  }
}

} // namespace
