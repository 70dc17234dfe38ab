//===- Filters.h - What may be said of which value --------------*- C++ -*-===//
//
// The types of the reference language: which filters and operators take which
// values. The automaton lets only these through, and evaluation refuses others.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_FILTERS_H
#define NYALA_RUNTIME_GROUNDING_FILTERS_H

#include "runtime/grounding/DataTree.h"

#include <array>
#include <initializer_list>

namespace nyala::rt::grounding {

enum class Filter : uint8_t {
  Round,
  Upper,
  Lower,
  Title,
  Date,
  Sum,
  Avg,
  Min,
  Max,
  Count,
  SumOf, ///< sum("name"): of a field of an array's objects
  AvgOf,
  MinOf,
  MaxOf,
};
constexpr size_t filterCount = 14;

/// As written, up to where an argument begins: "round", "date(\"", "sum", "sum(\"".
const std::string &getSpelling(Filter filter);
inline bool takesField(Filter filter) { return filter >= Filter::SumOf; }

class FilterSet {
public:
  constexpr FilterSet(std::initializer_list<Filter> filters = {}) {
    for (Filter filter : filters)
      bits |= bit(filter);
  }
  static FilterSet fromBits(uint16_t bits) {
    FilterSet set;
    set.bits = bits;
    return set;
  }
  uint16_t getBits() const { return bits; }
  bool has(Filter filter) const { return bits & bit(filter); }
  bool empty() const { return bits == 0; }
  void add(Filter filter) { bits |= bit(filter); }

private:
  static constexpr uint16_t bit(Filter filter) {
    return static_cast<uint16_t>(1u << static_cast<unsigned>(filter));
  }
  uint16_t bits = 0;
};

/// What a filter or an operator makes.
enum class Type : uint8_t { Number, String, Final /**< that no further filter takes */ };
Type getResult(Filter filter);
/// Filters that take a result.
FilterSet getFilters(Type type);
/// Filters that take a value of the data.
FilterSet getFilters(const DataTree &tree, NodeId node);
/// Fields of an array of objects for SumOf and the like: keys with which all of the objects have
/// numbers that can be added. Ascending.
std::vector<std::string> findNumericFields(const DataTree &tree, NodeId array);

/// Is it a value as it stands? All but arrays and objects.
inline bool isScalar(const DataTree &tree, NodeId node) { return !tree[node].isContainer(); }
/// May it stand on the left or right of an operator?
inline bool isOperand(const DataTree &tree, NodeId node) {
  return tree[node].number && tree[node].number->isOperand();
}
inline bool isDividend(const DataTree &tree, NodeId node) {
  return tree[node].number && tree[node].number->isDividend();
}
inline bool isDivisor(const DataTree &tree, NodeId node) {
  return tree[node].number && tree[node].number->isDivisor();
}

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_FILTERS_H
