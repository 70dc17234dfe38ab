//===- Operators.h - What expressions do with values ------------*- C++ -*-===//
//
// Python's operators on the values of Value.h. Where Python raises, these throw
// Problem. Integers are 64 bits wide: a result that does not fit is an error.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_OPERATORS_H
#define NYALA_RUNTIME_TEXT_JINJA_OPERATORS_H

#include "runtime/text/jinja/Context.h"

namespace nyala::rt::jinja {

enum class Operator {
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
};

/// + - * / // %
Value calculate(Context &context, Operator op, const Value &left, const Value &right);
Value negate(const Value &value);
/// == != < <= > >= in, not in
bool compare(Context &context, Operator op, const Value &left, const Value &right);
bool isEqual(Context &context, const Value &left, const Value &right);

/// The elements of anything a for statement can walk: items, keys of a dict, characters of a
/// string, nothing for an undefined value.
std::vector<Value> iterate(Context &context, const Value &value);
/// Number of elements; refuses what has none.
int64_t length(const Value &value);

/// A dict of entries with any keys: a later entry replaces an equal key's value.
Value makeDict(Context &context, std::vector<std::pair<Value, Value>> entries);
/// The value of `key`, or null.
const Value *findEntry(Context &context, const Dict &dict, const Value &key);

/// `value.name`, where `name` is not a method.
Value getAttribute(Context &context, const Value &value, const std::string &name);
/// `value[index]`
Value getItem(Context &context, const Value &value, const Value &index);
/// `value[start:stop:step]`; none leaves a bound out.
Value getSlice(Context &context, const Value &value, const Value &start, const Value &stop,
               const Value &step);

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_OPERATORS_H
