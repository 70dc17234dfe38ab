//===- Operators.cpp - Arithmetic and comparison --------------------------===//

#include "runtime/text/jinja/Operators.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nyala::rt::jinja {
namespace {

using Kind = Value::Kind;
using Flavor = Sequence::Flavor;

const char *spell(Operator op) {
  constexpr const char *spellings[] = {
      "+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
  return spellings[static_cast<size_t>(op)];
}

[[noreturn]] void refuseOperands(Operator op, const Value &left, const Value &right) {
  refuse("cannot apply '" + std::string(spell(op)) + "' to " + left.describe() + " and " +
         right.describe());
}

Value calculateIntegers(Operator op, int64_t left, int64_t right) {
  bool divides = op == Operator::Divide || op == Operator::FloorDivide || op == Operator::Modulo;
  if (divides && right == 0)
    refuse("division by zero");
  if (op == Operator::Divide)
    return Value(static_cast<double>(left) / static_cast<double>(right));
  int64_t result = 0;
  bool overflows = false;
  if (op == Operator::Add)
    overflows = __builtin_add_overflow(left, right, &result);
  else if (op == Operator::Subtract)
    overflows = __builtin_sub_overflow(left, right, &result);
  else if (op == Operator::Multiply)
    overflows = __builtin_mul_overflow(left, right, &result);
  else if (right == -1) // the one divisor whose quotient can overflow
    overflows = op == Operator::FloorDivide && __builtin_sub_overflow(0, left, &result);
  else {
    // Python's quotient is rounded down; the remainder has the divisor's sign.
    int64_t quotient = left / right, remainder = left % right;
    bool adjusts = remainder != 0 && (remainder < 0) != (right < 0);
    result = op == Operator::FloorDivide ? quotient - adjusts : remainder + (adjusts ? right : 0);
  }
  if (overflows)
    unsupported("the result of '" + std::string(spell(op)) + "' does not fit in 64 bits");
  return Value(result);
}

Value calculateFloats(Operator op, double left, double right) {
  switch (op) {
  case Operator::Add:
    return Value(left + right);
  case Operator::Subtract:
    return Value(left - right);
  case Operator::Multiply:
    return Value(left * right);
  default:
    break;
  }
  if (right == 0)
    refuse("division by zero");
  if (op == Operator::Divide)
    return Value(left / right);
  // As float.__divmod__: exact remainder first, then the quotient that belongs to it.
  double remainder = std::fmod(left, right);
  double quotient = (left - remainder) / right;
  if (remainder != 0) {
    if ((right < 0) != (remainder < 0)) {
      remainder += right;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, right);
  }
  if (op == Operator::Modulo)
    return Value(remainder);
  if (quotient == 0)
    return Value(std::copysign(0.0, left / right));
  double floor = std::floor(quotient);
  return Value(quotient - floor > 0.5 ? floor + 1 : floor);
}

Value join(Context &context, const Value &left, const Value &right) {
  const std::vector<Value> &first = left.getSequence().items, &second = right.getSequence().items;
  context.spendElements(first.size() + second.size());
  std::vector<Value> items = first;
  items.insert(items.end(), second.begin(), second.end());
  return Value::sequence(left.getSequence().flavor, std::move(items));
}

Value repeat(Context &context, const Value &value, int64_t times) {
  uint64_t count = times < 0 ? 0 : static_cast<uint64_t>(times), size = 0;
  uint64_t length = value.isString() ? value.getString().size() : value.getSequence().items.size();
  if (__builtin_mul_overflow(count, length, &size))
    size = UINT64_MAX;
  count = length == 0 ? 0 : count;
  if (value.isString()) {
    context.spend(size);
    std::string result;
    result.reserve(size);
    for (uint64_t index = 0; index != count; ++index)
      result += value.getString();
    return Value(std::move(result));
  }
  context.spendElements(size);
  std::vector<Value> items;
  items.reserve(size);
  for (uint64_t index = 0; index != count; ++index)
    items.insert(items.end(), value.getSequence().items.begin(), value.getSequence().items.end());
  return Value::sequence(value.getSequence().flavor, std::move(items));
}

bool isListOrTuple(const Value &value) {
  return value.isSequence(Flavor::List) || value.isSequence(Flavor::Tuple);
}

/// -1, 0 or 1; 2 for unordered numbers (NaN).
int order(Context &context, Operator op, const Value &left, const Value &right) {
  auto sign = [](auto a, auto b) { return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2; };
  if (left.isInteger() && right.isInteger())
    return sign(left.getInteger(), right.getInteger());
  if (left.isNumber() && right.isNumber())
    return sign(left.getNumber(), right.getNumber());
  if (left.isString() && right.isString()) {
    // The order of UTF-8 bytes is that of code points.
    const std::string &a = left.getText().text, &b = right.getText().text;
    context.spend(std::min(a.size(), b.size()));
    return sign(a.compare(b), 0);
  }
  if (isListOrTuple(left) && isListOrTuple(right) &&
      left.getSequence().flavor == right.getSequence().flavor) {
    const std::vector<Value> &a = left.getSequence().items, &b = right.getSequence().items;
    for (size_t index = 0; index != std::min(a.size(), b.size()); ++index)
      if (!isEqual(context, a[index], b[index]))
        return order(context, op, a[index], b[index]);
    return sign(a.size(), b.size());
  }
  refuseOperands(op, left, right);
}

bool contains(Context &context, const Value &container, const Value &value) {
  if (container.isString()) {
    if (!value.isString())
      refuseOperands(Operator::In, value, container);
    const std::string &text = container.getText().text, &part = value.getText().text;
    context.spend(text.size());
    return part.empty() || memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
  }
  if (container.isDict())
    return findEntry(context, container.getDict(), value) != nullptr;
  for (const Value &item : iterate(context, container))
    if (isEqual(context, item, value))
      return true;
  return false;
}

} // namespace

Value calculate(Context &context, Operator op, const Value &left, const Value &right) {
  if (left.isInteger() && right.isInteger())
    return calculateIntegers(op, left.getInteger(), right.getInteger());
  if (left.isNumber() && right.isNumber())
    return calculateFloats(op, left.getNumber(), right.getNumber());
  if (op == Operator::Add) {
    if (left.isString() && right.isString()) {
      std::string_view first = left.getString(), second = right.getString();
      context.spend(first.size() + second.size());
      return Value(std::string(first).append(second));
    }
    if (isListOrTuple(left) && isListOrTuple(right) &&
        left.getSequence().flavor == right.getSequence().flavor)
      return join(context, left, right);
  }
  if (op == Operator::Multiply) {
    auto repeats = [](const Value &value) { return value.isString() || isListOrTuple(value); };
    if (repeats(left) && right.isInteger())
      return repeat(context, left, right.getInteger());
    if (left.isInteger() && repeats(right))
      return repeat(context, right, left.getInteger());
  }
  if (op == Operator::Modulo && left.isString())
    unsupported("formatting a string with '%' is not supported");
  refuseOperands(op, left, right);
}

Value negate(const Value &value) {
  if (value.isInteger())
    return calculateIntegers(Operator::Subtract, 0, value.getInteger());
  if (value.isNumber())
    return Value(-value.getNumber());
  refuse("cannot apply '-' to " + value.describe());
}

bool isEqual(Context &context, const Value &left, const Value &right) {
  context.spend(1);
  if (left.isNumber() && right.isNumber())
    return order(context, Operator::Equal, left, right) == 0;
  if (left.isSame(right))
    return true;
  if (left.getKind() != right.getKind())
    return false;
  switch (left.getKind()) {
  case Kind::Undefined:
  case Kind::None:
    return true;
  case Kind::String: {
    const std::string &a = left.getText().text, &b = right.getText().text;
    if (a.size() != b.size())
      return false;
    context.spend(a.size());
    return a == b;
  }
  case Kind::Sequence: {
    const Sequence &a = left.getSequence(), &b = right.getSequence();
    if (a.flavor != b.flavor || a.items.size() != b.items.size())
      return false;
    if (a.flavor == Flavor::View || a.flavor == Flavor::Iterator)
      unsupported("comparing dict views or iterators is not supported; use 'list' first");
    return std::equal(
        a.items.begin(), a.items.end(), b.items.begin(),
        [&](const Value &one, const Value &other) { return isEqual(context, one, other); });
  }
  case Kind::Dict: {
    const Dict &a = left.getDict(), &b = right.getDict();
    return a.entries.size() == b.entries.size() &&
           std::all_of(a.entries.begin(), a.entries.end(), [&](const auto &entry) {
             const Value *other = findEntry(context, b, entry.first);
             return other && isEqual(context, entry.second, *other);
           });
  }
  default:
    return false;
  }
}

bool compare(Context &context, Operator op, const Value &left, const Value &right) {
  switch (op) {
  case Operator::Equal:
    return isEqual(context, left, right);
  case Operator::NotEqual:
    return !isEqual(context, left, right);
  case Operator::In:
    return contains(context, right, left);
  case Operator::NotIn:
    return !contains(context, right, left);
  case Operator::Less:
    return order(context, op, left, right) == -1;
  case Operator::LessEqual: {
    int sign = order(context, op, left, right);
    return sign == -1 || sign == 0;
  }
  case Operator::Greater:
    return order(context, op, left, right) == 1;
  case Operator::GreaterEqual: {
    int sign = order(context, op, left, right);
    return sign == 1 || sign == 0;
  }
  default:
    return false;
  }
}

} // namespace nyala::rt::jinja
