//===- Value.cpp - Values of template expressions -------------------------===//

#include "runtime/text/jinja/Value.h"

#include "runtime/text/jinja/Problem.h"

#include <algorithm>

namespace nyala::rt::jinja {
namespace {

unsigned nest(unsigned inner) {
  if (inner >= Value::maxNesting)
    refuse("a value nests lists, dicts or loops more than " + std::to_string(Value::maxNesting) +
           " deep, which is the limit");
  return inner + 1;
}

} // namespace

Value Value::undefined(std::string what) {
  Value result;
  result.data = Undefined{std::make_shared<const std::string>(std::move(what))};
  return result;
}

Value Value::sequence(Sequence::Flavor flavor, std::vector<Value> items) {
  unsigned nesting = nestAround(items);
  Value result;
  result.data =
      std::make_shared<const Sequence>(Sequence{flavor, std::move(items), nesting, false});
  return result;
}

Value Value::list(std::vector<Value> items) {
  return sequence(Sequence::Flavor::List, std::move(items));
}

Value Value::dict(std::vector<std::pair<Value, Value>> entries) {
  unsigned inner = 0;
  for (const auto &[key, value] : entries)
    inner = std::max({inner, key.getNesting(), value.getNesting()});
  Value result;
  result.data = std::make_shared<const Dict>(Dict{std::move(entries), nest(inner)});
  return result;
}

int64_t Value::getInteger() const {
  if (const bool *boolean = std::get_if<bool>(&data))
    return *boolean;
  return std::get<int64_t>(data);
}

double Value::getNumber() const {
  if (const double *number = std::get_if<double>(&data))
    return *number;
  return static_cast<double>(getInteger());
}

std::string_view Value::getString() const {
  const Text &text = getText();
  if (text.isMarkup)
    unsupported("text made by 'safe' or 'escape' can only be printed here, not combined with "
                "other text");
  return text.text;
}

bool Value::isSame(const Value &other) const {
  if (getKind() != other.getKind())
    return false;
  switch (getKind()) {
  case Kind::Sequence:
    return &getSequence() == &other.getSequence();
  case Kind::Dict:
    return &getDict() == &other.getDict();
  case Kind::Namespace:
    return &getNamespace() == &other.getNamespace();
  case Kind::Loop:
    return &getLoop() == &other.getLoop();
  case Kind::Macro:
    return &getMacro() == &other.getMacro();
  case Kind::Function:
    return getFunction() == other.getFunction();
  default:
    return false;
  }
}

bool Value::isTrue() const {
  switch (getKind()) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Boolean:
  case Kind::Integer:
    return getInteger() != 0;
  case Kind::Float:
    return getNumber() != 0;
  case Kind::String:
    return !getText().text.empty();
  case Kind::Sequence:
    return getSequence().flavor == Sequence::Flavor::Iterator || !getSequence().items.empty();
  case Kind::Dict:
    return !getDict().entries.empty();
  case Kind::Loop: // one that runs has items
  case Kind::Namespace:
  case Kind::Macro:
  case Kind::Function:
    return true;
  }
  return false;
}

std::string Value::describe() const {
  switch (getKind()) {
  case Kind::Undefined:
    return getUndefinedName() + ", which is undefined";
  case Kind::None:
    return "none";
  case Kind::Boolean:
    return "a boolean";
  case Kind::Integer:
    return "an integer";
  case Kind::Float:
    return "a float";
  case Kind::String:
    return "a string";
  case Kind::Sequence:
    switch (getSequence().flavor) {
    case Sequence::Flavor::List:
      return "a list";
    case Sequence::Flavor::Tuple:
      return "a tuple";
    case Sequence::Flavor::Range:
      return "a range";
    case Sequence::Flavor::View:
      return "a dict view";
    case Sequence::Flavor::Iterator:
      return "an iterator";
    }
    break;
  case Kind::Dict:
    return "a dict";
  case Kind::Namespace:
    return "a namespace";
  case Kind::Loop:
    return "a loop";
  case Kind::Macro:
    return "a macro";
  case Kind::Function:
    return "a function";
  }
  return "a value";
}

unsigned Value::getNesting() const {
  switch (getKind()) {
  case Kind::Sequence:
    return getSequence().nesting;
  case Kind::Dict:
    return getDict().nesting;
  case Kind::Loop:
    return getLoop().nesting;
  default:
    return 0;
  }
}

unsigned Value::nestAround(const std::vector<Value> &items) {
  unsigned inner = 0;
  for (const Value &item : items)
    inner = std::max(inner, item.getNesting());
  return nest(inner);
}

} // namespace nyala::rt::jinja
