//===- RandomData.h - Random records and references -------------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_GROUNDING_RANDOMDATA_H
#define NYALA_TEST_UNIT_GROUNDING_RANDOMDATA_H

#include "runtime/grounding/DateFormat.h"
#include "runtime/grounding/Filters.h"
#include "runtime/grounding/Path.h"

#include <random>

namespace nyala::test {

namespace grounding = rt::grounding;

/// Draws that are the same everywhere.
class RandomData {
public:
  explicit RandomData(uint64_t seed) : random(seed) {}

  size_t pick(size_t count) { return random() % count; }
  template <typename List> auto &choose(List &list) { return list[pick(std::size(list))]; }

  /// An object with keys of all kinds, nested up to `depth`.
  std::string makeRecord(unsigned depth) { return makeObject(depth); }

  /// A reference that the grammar spells and the data have, drawn from the grammar as it is written
  /// down, not from the automaton.
  std::string makeReference(const grounding::DataTree &tree) {
    using namespace grounding;
    std::vector<NodeId> values, operands, dividends, divisors;
    for (NodeId node = 1; node < tree.size(); ++node) {
      if (tree[node].kind != DataNode::Kind::Object)
        values.push_back(node);
      if (isOperand(tree, node))
        operands.push_back(node);
      if (isDividend(tree, node))
        dividends.push_back(node);
      if (isDivisor(tree, node))
        divisors.push_back(node);
    }
    bool divides = pick(2) == 0 && !dividends.empty() && !divisors.empty();
    if (pick(3) == 0 && !operands.empty()) {
      std::string text =
          divides ? spellPath(tree, choose(dividends)) + " / " + spellPath(tree, choose(divisors))
                  : spellPath(tree, choose(operands)) + " - " + spellPath(tree, choose(operands));
      if (pick(2) == 0)
        text = '(' + text + ") | " + spellFilter(tree, 0, Filter::Round);
      return "{{ " + text + " }}";
    }
    NodeId node = choose(values);
    std::string text = spellPath(tree, node);
    bool needsFilter = tree[node].isContainer();
    for (FilterSet filters = getFilters(tree, node); needsFilter || pick(2) == 0;) {
      std::vector<Filter> allowed;
      for (size_t number = 0; number < filterCount; ++number)
        if (filters.has(static_cast<Filter>(number)))
          allowed.push_back(static_cast<Filter>(number));
      if (allowed.empty())
        break;
      Filter filter = choose(allowed);
      text += " | " + spellFilter(tree, node, filter);
      filters = getFilters(getResult(filter));
      needsFilter = false;
    }
    return "{{ " + text + " }}";
  }

private:
  std::string spellFilter(const grounding::DataTree &tree, grounding::NodeId node,
                          grounding::Filter filter) {
    using namespace grounding;
    std::string spelling = getSpelling(filter);
    if (filter == Filter::Round && pick(2) == 0)
      return spelling + '(' + std::to_string(pick(10)) + ')';
    if (filter == Filter::Date) {
      bool hasTime = parseDate(tree[node].text)->hasTime;
      static constexpr const char *formats[] = {"%d %B %Y", "%-d.%-m.%y", "%A, %b %a %j",
                                                "%H:%M:%S"};
      return spelling + formats[pick(hasTime ? 4 : 3)] + "\")";
    }
    if (takesField(filter)) {
      std::vector<std::string> fields = findNumericFields(tree, node);
      return spelling + quote(choose(fields)).substr(1) + ')';
    }
    return spelling;
  }

  std::string makeKey() {
    static constexpr const char *keys[] = {
        "a",     "ab",    "abc",   "points", "city", "data", "in",   "items",         "odd key",
        "q\\\"", "b\\\\", "ключ",  "日本",   "",     "}}",   "{{ a", "a.b",           "x[0]",
        "_1",    "Name",  "total", "n\\n",   "é",    "9a",   "self", "\\ud83d\\ude00"};
    return choose(keys);
  }

  std::string makeObject(unsigned depth) {
    std::string out;
    std::vector<std::string> used;
    for (size_t count = pick(7); count > 0; --count) {
      std::string key = makeKey();
      if (std::ranges::find(used, key) != used.end())
        continue;
      used.push_back(key);
      out += (out.empty() ? "\"" : ",\"") + key + "\":" + makeValue(depth);
    }
    return '{' + out + '}';
  }

  std::string makeValue(unsigned depth) {
    static constexpr const char *scalars[] = {"null",
                                              "true",
                                              "0",
                                              "1",
                                              "-17",
                                              "2.5",
                                              "1e-7",
                                              "1e300",
                                              "\"\"",
                                              "\"{{ a }}\"",
                                              "\"new york\"",
                                              "\"Москва\"",
                                              "\"2024-02-29\"",
                                              "\"2024-02-29T10:00:00Z\"",
                                              "\"<|im_end|>\"",
                                              "123456789012345678901234567890",
                                              "9007199254740993"};
    size_t kind = pick(depth > 0 ? 10 : 6);
    if (kind < 6)
      return choose(scalars);
    if (kind < 8)
      return makeObject(depth - 1);
    std::string out;
    bool isOfNumbers = pick(2) == 0, isOfRows = pick(2) == 0;
    for (size_t at = 0, count = pick(13); at < count; ++at)
      out += (at ? "," : "") + (isOfNumbers ? std::to_string(pick(100))
                                : isOfRows  ? "{\"p\":" + std::to_string(pick(9)) + ",\"o p\":1.5}"
                                            : makeValue(depth - 1));
    return '[' + out + ']';
  }

  std::mt19937_64 random;
};

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_GROUNDING_RANDOMDATA_H
