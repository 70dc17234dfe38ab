//===- ValueSpans.cpp - Where a text spells values of data ----------------===//

#include "runtime/grounding/ValueSpans.h"

#include "runtime/grounding/Filters.h"
#include "runtime/grounding/Reference.h"
#include "runtime/grounding/Words.h"

#include <set>
#include <unordered_map>

namespace nyala::rt::grounding {
namespace {

class ValueIndex {
public:
  explicit ValueIndex(const DataTree &data) : data(data) {
    for (NodeId node = 1; node < data.size(); ++node)
      if (isScalar(data, node))
        addNode(node);
  }

  /// The references whose values are the longest words at text[begin]; none: `end` is `begin`.
  ValueSpan find(std::string_view text, size_t begin) const {
    for (size_t length : lengths) {
      const size_t end = begin + length;
      if (end > text.size() || !isBorder(text, end))
        continue;
      if (const auto found = byValue.find(std::string(text.substr(begin, length)));
          found != byValue.end())
        return make(begin, end, found->second);
    }
    // 1,234,567
    const size_t end = findNumeralEnd(text, begin);
    std::string numeral(text.substr(begin, end - begin));
    if (std::erase(numeral, ',') > 0)
      if (const auto found = byValue.find(numeral); found != byValue.end())
        return make(begin, end, found->second);
    return make(begin, begin, {});
  }

private:
  static constexpr size_t leastString = 3, mostBytes = 256;

  static ValueSpan make(size_t begin, size_t end, const std::set<std::string> &references) {
    return {static_cast<uint32_t>(begin),
            static_cast<uint32_t>(end),
            {references.begin(), references.end()}};
  }

  static bool isBorder(std::string_view text, size_t end) {
    return isWordEnd(text, end) || !isWordByte(text[end - 1]);
  }

  void addNode(NodeId node) {
    const DataNode &value = data[node];
    if (value.kind == DataNode::Kind::Number) {
      add(node, "");
      if (getFilters(data, node).has(Filter::Round) && value.number->isFloat())
        for (const char *filter : {" | round(1)", " | round(2)"})
          add(node, filter);
    }
    if (value.kind != DataNode::Kind::String || value.text.size() < leastString ||
        value.text.size() > mostBytes)
      return;
    add(node, "");
    const FilterSet filters = getFilters(data, node);
    for (Filter filter : {Filter::Title, Filter::Upper, Filter::Lower})
      if (filters.has(filter))
        add(node, " | " + getSpelling(filter));
    if (filters.has(Filter::Date))
      for (const char *format : {"%-d %B %Y\")", "%B %-d, %Y\")"})
        add(node, " | " + getSpelling(Filter::Date) + format);
  }

  /// With a filter, only what the plain value does not say.
  void add(NodeId node, const std::string &filter) {
    const std::string reference = "{{ " + spellPath(data, node) + filter + " }}";
    size_t at = 0;
    const std::string shown = evaluate(data, parseReference(reference, at)).shown;
    std::set<std::string> &references = byValue[shown];
    const std::string plain = "{{ " + spellPath(data, node) + " }}";
    if (filter.empty() || !references.contains(plain))
      references.insert(reference);
    lengths.insert(shown.size());
  }

  const DataTree &data;
  std::unordered_map<std::string, std::set<std::string>> byValue;
  std::set<size_t, std::greater<>> lengths;
};

} // namespace

std::vector<ValueSpan> findValues(const DataTree &data, std::string_view text) {
  const ValueIndex index(data);
  std::vector<ValueSpan> spans;
  for (size_t at = 0; at < text.size();) {
    const bool isBegin = isWordBegin(text, at) && (at == 0 || text[at - 1] != '{');
    ValueSpan span = isBegin ? index.find(text, at) : ValueSpan{0, 0, {}};
    if (span.references.empty()) {
      ++at;
      continue;
    }
    at = span.end;
    spans.push_back(std::move(span));
  }
  return spans;
}

} // namespace nyala::rt::grounding
