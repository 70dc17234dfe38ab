//===- ExhaustiveSearch.h - The best of all schedules -----------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_REMAT_EXHAUSTIVESEARCH_H
#define NYALA_TEST_UNIT_REMAT_EXHAUSTIVESEARCH_H

#include "passes/remat/Graph.h"

#include <optional>

namespace nyala::remat::test {

/// The least cost of all schedules within `budget` bytes whose first executions are in the order of
/// the graph, by shortest paths over what memory holds; nothing if none fits. For graphs of some
/// ten tensors.
std::optional<double> findLeastCost(const Graph &graph, int64_t budget);

} // namespace nyala::remat::test

#endif // NYALA_TEST_UNIT_REMAT_EXHAUSTIVESEARCH_H
