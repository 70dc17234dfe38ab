//===- Tests.cpp - Tests of templates -------------------------------------===//

#include "runtime/text/jinja/Library.h"
#include "runtime/text/jinja/Operators.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nyala::rt::jinja {
namespace {

using Kind = Value::Kind;
using Flavor = Sequence::Flavor;

/// Tests without an argument.
struct Property {
  std::string_view name;
  bool (*holds)(const Value &);
};

bool isIndexable(const Value &value) {
  return value.isUndefined() || value.isString() || value.isDict() ||
         (value.isSequence() && !value.isSequence(Flavor::View) &&
          !value.isSequence(Flavor::Iterator));
}

/// Remainder of a division by 2, for floats too: 0 or ±1 for what is even or odd.
double halve(const Value &value) {
  if (!value.isNumber())
    refuse("the tests 'even' and 'odd' expect a number, got " + value.describe());
  return value.isInteger() ? static_cast<double>(value.getInteger() % 2)
                           : std::fmod(value.getNumber(), 2);
}

constexpr Property properties[] = {
    {"boolean", [](const Value &v) { return v.getKind() == Kind::Boolean; }},
    {"defined", [](const Value &v) { return !v.isUndefined(); }},
    {"even", [](const Value &v) { return halve(v) == 0; }},
    {"false", [](const Value &v) { return v.getKind() == Kind::Boolean && !v.isTrue(); }},
    {"float", [](const Value &v) { return v.getKind() == Kind::Float; }},
    {"integer", [](const Value &v) { return v.getKind() == Kind::Integer; }},
    {"iterable",
     [](const Value &v) {
       return v.isUndefined() || v.isString() || v.isSequence() || v.isDict() ||
              v.getKind() == Kind::Loop;
     }},
    {"mapping", [](const Value &v) { return v.isDict(); }},
    {"none", [](const Value &v) { return v.isNone(); }},
    {"number", [](const Value &v) { return v.isNumber(); }},
    {"odd", [](const Value &v) { return std::abs(halve(v)) == 1; }},
    {"sequence", isIndexable},
    {"string", [](const Value &v) { return v.isString(); }},
    {"true", [](const Value &v) { return v.getKind() == Kind::Boolean && v.isTrue(); }},
    {"undefined", [](const Value &v) { return v.isUndefined(); }},
};

constexpr std::array<std::pair<std::string_view, Operator>, 17> comparisons = {{
    {"!=", Operator::NotEqual},
    {"<", Operator::Less},
    {"<=", Operator::LessEqual},
    {"==", Operator::Equal},
    {">", Operator::Greater},
    {">=", Operator::GreaterEqual},
    {"eq", Operator::Equal},
    {"equalto", Operator::Equal},
    {"ge", Operator::GreaterEqual},
    {"greaterthan", Operator::Greater},
    {"gt", Operator::Greater},
    {"in", Operator::In},
    {"le", Operator::LessEqual},
    {"lessthan", Operator::Less},
    {"lt", Operator::Less},
    {"ne", Operator::NotEqual},
    {"divisibleby", Operator::Modulo},
}};

const Property *findProperty(const std::string &name) {
  auto found = std::find_if(std::begin(properties), std::end(properties),
                            [&](const Property &property) { return property.name == name; });
  return found == std::end(properties) ? nullptr : &*found;
}

const Operator *findComparison(const std::string &name) {
  auto found = std::find_if(comparisons.begin(), comparisons.end(),
                            [&](const auto &entry) { return entry.first == name; });
  return found == comparisons.end() ? nullptr : &found->second;
}

} // namespace

void checkTest(const std::string &name) {
  if (!findProperty(name) && !findComparison(name))
    unsupported("the test '" + name + "' is not supported");
}

bool applyTest(Context &context, const std::string &name, const Value &value,
               const Arguments &arguments) {
  context.spend(1);
  if (const Property *property = findProperty(name)) {
    arguments.bind("the test '" + name + "'", {}, 0);
    return property->holds(value);
  }
  auto bound = arguments.bind("the test '" + name + "'", {"other"}, 1);
  Operator op = *findComparison(name);
  if (op == Operator::Modulo)
    return isEqual(context, calculate(context, op, value, *bound[0]), Value(int64_t{0}));
  return compare(context, op, value, *bound[0]);
}

} // namespace nyala::rt::jinja
