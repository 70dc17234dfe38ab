//===- Access.cpp - Elements, attributes and slices -----------------------===//

#include "runtime/text/jinja/Characters.h"
#include "runtime/text/jinja/Operators.h"

#include <algorithm>
#include <array>

namespace nyala::rt::jinja {
namespace {

using Kind = Value::Kind;
using Flavor = Sequence::Flavor;

/// Dicts are hashed in Python: what holds a list or dict cannot be a key.
bool isHashable(Context &context, const Value &value) {
  context.spend(1);
  if (value.isDict() || value.isSequence(Flavor::List) || value.isSequence(Flavor::View))
    return false;
  if (!value.isSequence(Flavor::Tuple))
    return true;
  const std::vector<Value> &items = value.getSequence().items;
  return std::all_of(items.begin(), items.end(),
                     [&](const Value &item) { return isHashable(context, item); });
}

template <size_t Count>
bool isOneOf(const std::array<std::string_view, Count> &names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Would Python find a method or property of the type before an item of that name?
bool isPythonAttribute(const Value &value, std::string_view name) {
  static constexpr std::array<std::string_view, 47> string = {
      "capitalize",   "casefold",    "center",    "count",      "encode",       "endswith",
      "expandtabs",   "find",        "format",    "format_map", "index",        "isalnum",
      "isalpha",      "isascii",     "isdecimal", "isdigit",    "isidentifier", "islower",
      "isnumeric",    "isprintable", "isspace",   "istitle",    "isupper",      "join",
      "ljust",        "lower",       "lstrip",    "maketrans",  "partition",    "removeprefix",
      "removesuffix", "replace",     "rfind",     "rindex",     "rjust",        "rpartition",
      "rsplit",       "rstrip",      "split",     "splitlines", "startswith",   "strip",
      "swapcase",     "title",       "translate", "upper",      "zfill"};
  static constexpr std::array<std::string_view, 11> dict = {
      "clear", "copy",    "fromkeys",   "get",    "items", "keys",
      "pop",   "popitem", "setdefault", "update", "values"};
  static constexpr std::array<std::string_view, 15> sequence = {
      "append", "clear",   "copy", "count", "extend", "index", "insert", "pop",
      "remove", "reverse", "sort", "start", "stop",   "step",  "mapping"};
  static constexpr std::array<std::string_view, 14> number = {
      "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
      "from_bytes",       "fromhex",   "hex",        "imag",      "is_integer",
      "numerator",        "real",      "to_bytes",   "is_signed"};
  static constexpr std::array<std::string_view, 5> macro = {"name", "arguments", "caller",
                                                            "catch_kwargs", "catch_varargs"};
  if (name.size() > 4 && name.substr(0, 2) == "__" && name.substr(name.size() - 2) == "__")
    return true;
  switch (value.getKind()) {
  case Kind::String:
    return isOneOf(string, name);
  case Kind::Dict:
    return isOneOf(dict, name);
  case Kind::Sequence:
    return isOneOf(sequence, name);
  case Kind::Boolean:
  case Kind::Integer:
  case Kind::Float:
    return isOneOf(number, name);
  case Kind::Macro:
    return isOneOf(macro, name);
  default:
    return false;
  }
}

Value getLoopAttribute(const Loop &loop, const std::string &name) {
  size_t count = loop.items.size(), index = loop.index;
  auto number = [](size_t value) { return Value(static_cast<int64_t>(value)); };
  if (name == "index")
    return number(index + 1);
  if (name == "index0")
    return number(index);
  if (name == "revindex")
    return number(count - index);
  if (name == "revindex0")
    return number(count - index - 1);
  if (name == "first")
    return Value(index == 0);
  if (name == "last")
    return Value(index + 1 == count);
  if (name == "length")
    return number(count);
  // Only recursive loops, which are not supported, are deeper.
  if (name == "depth" || name == "depth0")
    return number(name == "depth");
  if (name == "previtem")
    return index == 0 ? Value::undefined("'loop.previtem'") : loop.items[index - 1];
  if (name == "nextitem")
    return index + 1 == count ? Value::undefined("'loop.nextitem'") : loop.items[index + 1];
  unsupported("'loop." + name + "' is not supported");
}

/// Position `index` (negative: from the end) of `count`, or count if there is none.
size_t position(int64_t index, size_t count) {
  uint64_t magnitude = index < 0 ? 0 - static_cast<uint64_t>(index) : static_cast<uint64_t>(index);
  if (index < 0)
    return magnitude > count ? count : count - magnitude;
  return std::min<uint64_t>(magnitude, count);
}

std::vector<std::string_view> splitCharacters(Context &context, std::string_view text) {
  context.spendElements(text.size());
  std::vector<std::string_view> characters;
  for (size_t offset = 0; offset != text.size();) {
    characters.push_back(characterAt(text, offset));
    offset += characters.back().size();
  }
  return characters;
}

int64_t sliceBound(const Value &bound, int64_t absent) {
  if (bound.isNone())
    return absent;
  if (!bound.isInteger())
    refuse("the bounds of a slice must be integers, got " + bound.describe());
  return bound.getInteger();
}

/// The positions a slice selects, as slice.indices() of Python.
std::vector<size_t> slicePositions(int64_t count, const Value &start, const Value &stop,
                                   const Value &step) {
  // A step beyond the ends selects as a step to them does; bounded, nothing below overflows.
  int64_t stride = std::clamp<int64_t>(sliceBound(step, 1), -count - 1, count + 1);
  if (stride == 0)
    refuse("the step of a slice must not be zero");
  int64_t lowest = stride < 0 ? -1 : 0, highest = stride < 0 ? count - 1 : count;
  auto clampBound = [&](const Value &bound, int64_t absent) {
    if (bound.isNone())
      return absent;
    int64_t at = sliceBound(bound, 0);
    at = at < 0 ? std::max(at, -count - 1) + count : at;
    return std::clamp(at, lowest, highest);
  };
  int64_t from = clampBound(start, stride < 0 ? highest : lowest);
  int64_t to = clampBound(stop, stride < 0 ? lowest : highest);
  std::vector<size_t> positions;
  for (int64_t at = from; stride < 0 ? at > to : at < to; at += stride)
    positions.push_back(static_cast<size_t>(at));
  return positions;
}

} // namespace

std::vector<Value> iterate(Context &context, const Value &value) {
  switch (value.getKind()) {
  case Kind::Undefined:
    return {};
  case Kind::String: {
    std::vector<Value> items;
    for (std::string_view character : splitCharacters(context, value.getString()))
      items.emplace_back(character);
    return items;
  }
  case Kind::Sequence: {
    const Sequence &sequence = value.getSequence();
    if (sequence.flavor == Flavor::Iterator) {
      if (sequence.isExhausted)
        refuse("an iterator, the result of a filter, can be walked only once; use 'list' first");
      sequence.isExhausted = true;
    }
    context.spendElements(sequence.items.size());
    return sequence.items;
  }
  case Kind::Dict: {
    context.spendElements(value.getDict().entries.size());
    std::vector<Value> keys;
    for (const auto &entry : value.getDict().entries)
      keys.push_back(entry.first);
    return keys;
  }
  default:
    refuse("expected something to iterate over, such as a list, got " + value.describe());
  }
}

int64_t length(const Value &value) {
  if (value.isUndefined())
    return 0;
  if (value.isString())
    return static_cast<int64_t>(countCharacters(value.getText().text));
  if (value.isDict())
    return static_cast<int64_t>(value.getDict().entries.size());
  if (value.isSequence() && !value.isSequence(Flavor::Iterator))
    return static_cast<int64_t>(value.getSequence().items.size());
  refuse("expected something with a length, such as a list, got " + value.describe());
}

const Value *findEntry(Context &context, const Dict &dict, const Value &key) {
  if (!isHashable(context, key))
    refuse("expected the key of a dict, got " + key.describe());
  for (const auto &entry : dict.entries)
    if (isEqual(context, entry.first, key))
      return &entry.second;
  return nullptr;
}

Value makeDict(Context &context, std::vector<std::pair<Value, Value>> entries) {
  std::vector<std::pair<Value, Value>> distinct;
  for (auto &[key, value] : entries) {
    if (!isHashable(context, key))
      refuse("expected a string or a number as the key of a dict, got " + key.describe());
    auto old = std::find_if(distinct.begin(), distinct.end(), [&, &key = key](const auto &entry) {
      return isEqual(context, entry.first, key);
    });
    if (old != distinct.end())
      old->second = std::move(value);
    else
      distinct.emplace_back(std::move(key), std::move(value));
  }
  context.spendElements(2 * distinct.size());
  return Value::dict(std::move(distinct));
}

Value getAttribute(Context &context, const Value &value, const std::string &name) {
  context.spend(1 + name.size());
  if (value.isUndefined())
    refuse(value.getUndefinedName() + " is undefined, so it has no attribute '" + name + "'");
  if (value.getKind() == Kind::Loop)
    return getLoopAttribute(value.getLoop(), name);
  if (isPythonAttribute(value, name))
    unsupported("'" + name + "' of " + value.describe() + " is a method or property that nyala " +
                "does not support here");
  if (value.getKind() == Kind::Namespace) {
    auto found = value.getNamespace().attributes.find(name);
    if (found != value.getNamespace().attributes.end())
      return found->second;
  }
  if (value.isDict())
    if (const Value *entry = findEntry(context, value.getDict(), Value(name)))
      return *entry;
  return Value::undefined("'" + name + "' of " + value.describe());
}

Value getItem(Context &context, const Value &value, const Value &index) {
  context.spend(1);
  if (value.isUndefined())
    refuse(value.getUndefinedName() + " is undefined, so it has no items");
  if (value.isDict()) {
    const Value *entry =
        isHashable(context, index) ? findEntry(context, value.getDict(), index) : nullptr;
    if (entry)
      return *entry;
  } else if (value.isString() && index.isInteger()) {
    std::string_view text = value.getString();
    context.spend(text.size());
    size_t count = countCharacters(text), at = position(index.getInteger(), count);
    if (at < count)
      return Value(characterAt(text, offsetOfCharacter(text, at)));
  } else if (value.isSequence() && index.isInteger() && !value.isSequence(Flavor::View) &&
             !value.isSequence(Flavor::Iterator)) {
    const std::vector<Value> &items = value.getSequence().items;
    size_t at = position(index.getInteger(), items.size());
    if (at < items.size())
      return items[at];
  }
  // Jinja tries an attribute of that name when there is no such item.
  if (index.isString())
    return getAttribute(context, value, std::string(index.getString()));
  return Value::undefined("an item of " + value.describe());
}

Value getSlice(Context &context, const Value &value, const Value &start, const Value &stop,
               const Value &step) {
  if (value.isString()) {
    std::vector<std::string_view> characters = splitCharacters(context, value.getString());
    std::string result;
    for (size_t at : slicePositions(static_cast<int64_t>(characters.size()), start, stop, step))
      result += characters[at];
    return Value(std::move(result));
  }
  if (!value.isSequence() || value.isSequence(Flavor::View) || value.isSequence(Flavor::Iterator))
    refuse("expected a list or a string to take a slice of, got " + value.describe());
  const std::vector<Value> &items = value.getSequence().items;
  context.spendElements(2 * items.size());
  std::vector<Value> result;
  for (size_t at : slicePositions(static_cast<int64_t>(items.size()), start, stop, step))
    result.push_back(items[at]);
  return Value::sequence(value.getSequence().flavor, std::move(result));
}

} // namespace nyala::rt::jinja
