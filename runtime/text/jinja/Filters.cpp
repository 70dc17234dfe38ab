//===- Filters.cpp - Filters of sequences, and the table of all -----------===//

#include "runtime/text/jinja/FilterCall.h"
#include "runtime/text/jinja/Operators.h"

#include <algorithm>
#include <charconv>

namespace nyala::rt::jinja {
namespace {

using Flavor = Sequence::Flavor;

Value lengthFilter(const FilterCall &call) {
  call.bind();
  if (call.self.isString())
    call.context.spend(call.self.getText().text.size());
  return Value(length(call.self));
}

Value defaultFilter(const FilterCall &call) {
  auto arguments = call.bind({"default_value", "boolean"});
  bool coversFalse = arguments[1] && arguments[1]->isTrue();
  if (call.self.isUndefined() || (coversFalse && !call.self.isTrue()))
    return arguments[0] ? *arguments[0] : Value(std::string());
  return call.self;
}

/// The attribute that map, selectattr and join read: names and numbers with dots between.
struct AttributePath {
  std::vector<Value> parts;

  AttributePath(Context &context, const Value &path) {
    if (path.isInteger()) {
      parts.push_back(path);
      return;
    }
    if (!path.isString())
      refuse("expected the name of an attribute, got " + path.describe());
    std::string_view text = path.getString();
    while (true) {
      std::string_view part = text.substr(0, text.find('.'));
      int64_t number = 0;
      bool isNumber = !part.empty() && std::all_of(part.begin(), part.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
      if (isNumber &&
          std::from_chars(part.data(), part.data() + part.size(), number).ec != std::errc())
        refuse("the index '" + std::string(part) + "' does not fit in 64 bits");
      context.spendElements(2);
      context.spend(part.size());
      parts.push_back(isNumber ? Value(number) : Value(part));
      if (part.size() == text.size())
        return;
      text.remove_prefix(part.size() + 1);
    }
  }

  Value read(Context &context, Value value, const Value &fallback = Value()) const {
    for (const Value &part : parts) {
      value = getItem(context, value, part);
      if (value.isUndefined() && !fallback.isNone())
        value = fallback;
    }
    return value;
  }
};

Value joinFilter(const FilterCall &call) {
  auto arguments = call.bind({"d", "attribute"});
  std::vector<Value> items = iterate(call.context, call.self);
  if (arguments[1] && !arguments[1]->isNone()) {
    AttributePath path(call.context, *arguments[1]);
    for (Value &item : items)
      item = path.read(call.context, item);
  }
  std::string separator = arguments[0] ? format(call.context, *arguments[0]) : "";
  return joinItems(call.context, separator, items);
}

Value endFilter(const FilterCall &call) {
  call.bind();
  if (call.name == "last" && (call.self.isSequence(Flavor::Iterator)))
    refuse("the filter 'last' expects a list or a string, got " + call.self.describe());
  std::vector<Value> items = iterate(call.context, call.self);
  if (items.empty())
    return Value::undefined("the " + call.name + " item of " + call.self.describe());
  return call.name == "first" ? items.front() : items.back();
}

Value listFilter(const FilterCall &call) {
  call.bind();
  return Value::list(iterate(call.context, call.self));
}

Value itemsFilter(const FilterCall &call) {
  call.bind();
  std::vector<Value> items;
  if (call.self.isDict()) {
    call.context.spendElements(4 * call.self.getDict().entries.size());
    for (const auto &[key, value] : call.self.getDict().entries)
      items.push_back(Value::sequence(Flavor::Tuple, {key, value}));
  } else if (!call.self.isUndefined()) {
    refuse("the filter 'items' expects a dict, got " + call.self.describe());
  }
  return Value::sequence(Flavor::Iterator, std::move(items));
}

Value mapFilter(const FilterCall &call) {
  // Of anything false Jinja makes nothing, even of what cannot be walked.
  if (!call.self.isTrue())
    return Value::sequence(Flavor::Iterator, {});
  std::vector<Value> items = iterate(call.context, call.self);
  if (call.arguments.positional.empty()) {
    auto arguments = call.bind({"attribute", "default"}, 1);
    AttributePath path(call.context, *arguments[0]);
    for (Value &item : items)
      item = path.read(call.context, item, arguments[1] ? *arguments[1] : Value());
  } else {
    Value filter = call.arguments.takeFirst();
    if (!filter.isString())
      refuse("the filter 'map' expects the name of a filter, got " + filter.describe());
    std::string name(filter.getString());
    checkFilter(name);
    for (Value &item : items)
      item = applyFilter(call.context, name, item, call.arguments);
  }
  return Value::sequence(Flavor::Iterator, std::move(items));
}

/// select, reject, selectattr, rejectattr
Value selectFilter(const FilterCall &call) {
  if (!call.self.isTrue())
    return Value::sequence(Flavor::Iterator, {});
  bool keeps = call.name.starts_with("select"), byAttribute = call.name.ends_with("attr");
  std::optional<AttributePath> path;
  if (byAttribute) {
    if (call.arguments.positional.empty())
      refuse("the filter '" + call.name + "' expects the name of an attribute");
    path.emplace(call.context, call.arguments.takeFirst());
  }
  std::optional<std::string> test;
  if (!call.arguments.positional.empty()) {
    Value name = call.arguments.takeFirst();
    if (!name.isString())
      refuse("the filter '" + call.name + "' expects the name of a test, got " + name.describe());
    test = name.getString();
    checkTest(*test);
  } else if (!call.arguments.named.empty()) {
    refuse("the filter '" + call.name + "' takes no argument '" + call.arguments.named[0].first +
           "'");
  }
  std::vector<Value> kept;
  for (const Value &item : iterate(call.context, call.self)) {
    Value subject = path ? path->read(call.context, item) : item;
    bool holds = test ? applyTest(call.context, *test, subject, call.arguments) : subject.isTrue();
    if (holds == keeps)
      kept.push_back(item);
  }
  return Value::sequence(Flavor::Iterator, std::move(kept));
}

Value reverseFilter(const FilterCall &call) {
  call.bind();
  std::vector<Value> items = iterate(call.context, call.self);
  std::reverse(items.begin(), items.end());
  return call.self.isString() ? joinItems(call.context, "", items)
                              : Value::sequence(Flavor::Iterator, std::move(items));
}

struct Filter {
  std::string_view name;
  Value (*apply)(const FilterCall &);
};

constexpr Filter filters[] = {
    {"capitalize", caseFilter}, {"count", lengthFilter},      {"d", defaultFilter},
    {"default", defaultFilter}, {"e", escapeFilter},          {"escape", escapeFilter},
    {"first", endFilter},       {"indent", indentFilter},     {"int", integerFilter},
    {"items", itemsFilter},     {"join", joinFilter},         {"last", endFilter},
    {"length", lengthFilter},   {"list", listFilter},         {"lower", caseFilter},
    {"map", mapFilter},         {"reject", selectFilter},     {"rejectattr", selectFilter},
    {"replace", replaceFilter}, {"reverse", reverseFilter},   {"safe", safeFilter},
    {"select", selectFilter},   {"selectattr", selectFilter}, {"string", stringFilter},
    {"title", caseFilter},      {"tojson", jsonFilter},       {"trim", trimFilter},
    {"upper", caseFilter},
};

const Filter *findFilter(const std::string &name) {
  auto found = std::find_if(std::begin(filters), std::end(filters),
                            [&](const Filter &filter) { return filter.name == name; });
  return found == std::end(filters) ? nullptr : &*found;
}

} // namespace

void checkFilter(const std::string &name) {
  if (!findFilter(name))
    unsupported("the filter '" + name + "' is not supported");
}

Value applyFilter(Context &context, const std::string &name, const Value &value,
                  Arguments arguments) {
  context.spend(1);
  return findFilter(name)->apply({context, value, name, arguments});
}

} // namespace nyala::rt::jinja
