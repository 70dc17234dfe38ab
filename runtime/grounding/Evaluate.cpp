//===- Evaluate.cpp - Looking references up -------------------------------===//

#include "runtime/core/Status.h"
#include "runtime/grounding/DateFormat.h"
#include "runtime/grounding/Path.h"
#include "runtime/grounding/Reference.h"
#include "runtime/text/jinja/Characters.h"

#include <algorithm>
#include <variant>

namespace nyala::rt::grounding {
namespace {

[[noreturn]] void fail(size_t offset, const std::string &what) {
  throw Failure(NYALA_INVALID_TEXT, "reference, byte " + std::to_string(offset) + ": " + what);
}

NodeId resolve(const DataTree &tree, const std::vector<PathStep> &path) {
  NodeId node = DataTree::root;
  for (const PathStep &step : path) {
    DataNode::Kind kind = tree[node].kind;
    DataNode::Kind wanted = step.index ? DataNode::Kind::Array : DataNode::Kind::Object;
    if (kind != wanted)
      fail(step.offset, spellPath(tree, node) + " is " + DataTree::describe(kind) +
                            ", which has no " + (step.index ? "elements" : "fields"));
    if (step.index) {
      if (*step.index >= tree[node].childCount)
        fail(step.offset, spellPath(tree, node) + " has " + std::to_string(tree[node].childCount) +
                              " elements, no number " + std::to_string(*step.index));
      node = tree.getChildren(node)[*step.index];
      continue;
    }
    std::optional<NodeId> child = tree.find(node, step.key);
    if (!child)
      fail(step.offset, spellPath(tree, node) + " has no field '" + step.key + "'");
    node = *child;
  }
  return node;
}

std::string showScalar(const DataNode &node) {
  switch (node.kind) {
  case DataNode::Kind::Null:
    return "None";
  case DataNode::Kind::Boolean:
    return node.boolean ? "True" : "False";
  case DataNode::Kind::Number:
    return node.number ? node.number->show() : node.text;
  default:
    return node.text;
  }
}

/// A value between filters: one of the data, or made.
using Computed = std::variant<NodeId, Number, std::string>;

class Evaluator {
public:
  explicit Evaluator(const DataTree &tree) : tree(tree) {}

  Value evaluate(const Reference &reference) {
    for (const std::vector<PathStep> &path : reference.paths)
      result.operands.push_back(resolve(tree, path));
    current = result.operands[0];
    if (reference.op)
      current = operate(reference);
    FilterSet allowed =
        reference.op ? getFilters(Type::Number) : getFilters(tree, result.operands[0]);
    for (const FilterUse &use : reference.filters) {
      if (!allowed.has(use.filter))
        fail(use.offset, "the filter '" + name(use.filter) + "' does not take " + describe());
      apply(use);
      allowed = getFilters(getResult(use.filter));
    }
    const NodeId *node = std::get_if<NodeId>(&current);
    if (node && !isScalar(tree, *node))
      fail(reference.paths[0].back().offset, spellPath(tree, *node) + " is " +
                                                 DataTree::describe(tree[*node].kind) +
                                                 ", which is no value by itself");
    result.shown = show();
    return std::move(result);
  }

private:
  static std::string name(Filter filter) {
    const std::string &spelling = getSpelling(filter);
    return spelling.substr(0, spelling.find('('));
  }

  std::string describe() const {
    const NodeId *node = std::get_if<NodeId>(&current);
    return node ? spellPath(tree, *node) + ", " + DataTree::describe(tree[*node].kind)
                : "'" + show() + "'";
  }

  std::string show() const {
    if (const NodeId *node = std::get_if<NodeId>(&current))
      return showScalar(tree[*node]);
    if (const Number *number = std::get_if<Number>(&current))
      return number->show();
    return std::get<std::string>(current);
  }

  Number operate(const Reference &reference) const {
    NodeId left = result.operands[0], right = result.operands[1];
    bool divides = reference.op == '/';
    if (!(divides ? isDividend(tree, left) : isOperand(tree, left)) ||
        !(divides ? isDivisor(tree, right) : isOperand(tree, right)))
      fail(reference.opOffset,
           std::string("'") + reference.op + "' does not take " + spellPath(tree, left) + " and " +
               spellPath(tree, right) +
               (divides ? ": expected numbers, the second not 0" : ": expected numbers"));
    const Number &a = *tree[left].number, &b = *tree[right].number;
    return divides ? a / b : a - b;
  }

  void apply(const FilterUse &use) {
    switch (use.filter) {
    case Filter::Round: {
      const NodeId *node = std::get_if<NodeId>(&current);
      current = (node ? *tree[*node].number : std::get<Number>(current)).round(use.digits);
      return;
    }
    case Filter::Upper:
      current = jinja::changeCase(show(), jinja::Case::Upper);
      return;
    case Filter::Lower:
      current = jinja::changeCase(show(), jinja::Case::Lower);
      return;
    case Filter::Title:
      current = jinja::titleWords(show());
      return;
    case Filter::Date: {
      std::optional<std::string> text = formatDate(*parseDate(show()), use.argument);
      if (!text)
        fail(use.offset, "'" + show() + "' cannot be written as \"" + use.argument +
                             "\": expected the directives %d %m %y %Y %j %b %B %a %A, with a time "
                             "of day also %H %M %S");
      current = *text;
      return;
    }
    default:
      aggregate(use);
    }
  }

  void aggregate(const FilterUse &use) {
    NodeId array = std::get<NodeId>(current);
    std::span<const NodeId> elements = tree.getChildren(array);
    if (use.filter == Filter::Count) {
      current = Number(static_cast<int64_t>(elements.size()));
      return;
    }
    if (takesField(use.filter)) {
      std::vector<std::string> fields = findNumericFields(tree, array);
      if (!std::ranges::binary_search(fields, use.argument))
        fail(use.offset, "not all elements of " + spellPath(tree, array) + " have a number '" +
                             use.argument + "'");
    }
    Number sum, least, most;
    for (NodeId element : elements) {
      NodeId operand = takesField(use.filter) ? *tree.find(element, use.argument) : element;
      const Number &number = *tree[operand].number;
      bool isFirst = element == elements[0];
      sum = sum + number;
      least = isFirst || number < least ? number : least;
      most = isFirst || most < number ? number : most;
      result.operands.push_back(operand);
    }
    switch (use.filter) {
    case Filter::Sum:
    case Filter::SumOf:
      current = sum;
      break;
    case Filter::Avg:
    case Filter::AvgOf:
      current = sum / Number(static_cast<int64_t>(elements.size()));
      break;
    case Filter::Min:
    case Filter::MinOf:
      current = least;
      break;
    default:
      current = most;
    }
  }

  const DataTree &tree;
  Value result;
  Computed current;
};

} // namespace

Value evaluate(const DataTree &tree, const Reference &reference) {
  return Evaluator(tree).evaluate(reference);
}

} // namespace nyala::rt::grounding
