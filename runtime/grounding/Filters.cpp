//===- Filters.cpp - What may be said of which value ----------------------===//

#include "runtime/grounding/Filters.h"

#include "runtime/grounding/DateFormat.h"
#include "runtime/text/jinja/Characters.h"
#include "runtime/text/jinja/Problem.h"

#include <algorithm>

namespace nyala::rt::grounding {

const std::string &getSpelling(Filter filter) {
  static const std::array<std::string, filterCount> spellings = {
      "round", "upper", "lower", "title",  "date(\"", "sum",    "avg",
      "min",   "max",   "count", "sum(\"", "avg(\"",  "min(\"", "max(\""};
  return spellings[static_cast<size_t>(filter)];
}

Type getResult(Filter filter) {
  switch (filter) {
  case Filter::Round:
  case Filter::Upper:
  case Filter::Lower:
  case Filter::Title:
    return Type::Final;
  case Filter::Date:
    return Type::String;
  default:
    return Type::Number;
  }
}

FilterSet getFilters(Type type) {
  switch (type) {
  case Type::Number:
    return {Filter::Round};
  case Type::String:
    return {Filter::Upper, Filter::Lower, Filter::Title};
  case Type::Final:
    break;
  }
  return {};
}

/// Is the case of all its letters known?
static bool hasCases(const std::string &text) {
  try {
    jinja::changeCase(text, jinja::Case::Upper);
    return true;
  } catch (const jinja::Problem &) {
    return false;
  }
}

/// Numbers that can be added, at least one of them, whose sum can be divided.
template <typename GetNode>
static bool canAdd(const DataTree &tree, size_t count, GetNode getNode) {
  Number sum;
  for (size_t at = 0; at < count; ++at) {
    std::optional<NodeId> node = getNode(at);
    if (!node || !isOperand(tree, *node))
      return false;
    sum = sum + *tree[*node].number;
  }
  return count > 0 && sum.isDividend();
}

std::vector<std::string> findNumericFields(const DataTree &tree, NodeId array) {
  std::vector<std::string> fields;
  std::span<const NodeId> elements = tree.getChildren(array);
  if (tree[array].kind != DataNode::Kind::Array || elements.empty())
    return fields;
  for (NodeId field : tree.getChildren(elements[0]))
    if (tree[elements[0]].kind == DataNode::Kind::Object &&
        canAdd(tree, elements.size(),
               [&](size_t at) { return tree.find(elements[at], tree[field].key); }))
      fields.push_back(tree[field].key);
  std::ranges::sort(fields);
  return fields;
}

FilterSet getFilters(const DataTree &tree, NodeId node) {
  const DataNode &value = tree[node];
  FilterSet filters;
  switch (value.kind) {
  case DataNode::Kind::Number:
    return value.number ? getFilters(Type::Number) : FilterSet{};
  case DataNode::Kind::String:
    if (hasCases(value.text))
      filters = getFilters(Type::String);
    if (parseDate(value.text))
      filters.add(Filter::Date);
    return filters;
  case DataNode::Kind::Array: {
    std::span<const NodeId> elements = tree.getChildren(node);
    if (canAdd(tree, elements.size(), [&](size_t at) { return std::optional(elements[at]); }))
      filters = {Filter::Sum, Filter::Avg, Filter::Min, Filter::Max};
    else if (!findNumericFields(tree, node).empty())
      filters = {Filter::SumOf, Filter::AvgOf, Filter::MinOf, Filter::MaxOf};
    filters.add(Filter::Count);
    return filters;
  }
  case DataNode::Kind::Null:
  case DataNode::Kind::Boolean:
  case DataNode::Kind::Object:
    break;
  }
  return filters;
}

} // namespace nyala::rt::grounding
