//===- Methods.cpp - Methods of strings and dicts -------------------------===//

#include "runtime/text/jinja/Characters.h"
#include "runtime/text/jinja/Format.h"
#include "runtime/text/jinja/Library.h"
#include "runtime/text/jinja/Operators.h"

#include <algorithm>
#include <cstring>

namespace nyala::rt::jinja {
namespace {

using Arg = const Value *;

/// The subject and the bound arguments of a method.
struct Call {
  Context &context;
  const Value &self;
  const std::string &name;
  const Arguments &arguments;

  std::vector<Arg> bind(std::initializer_list<std::string_view> parameters, size_t required) const {
    if (!arguments.named.empty() && self.isString() && name != "split" && name != "rsplit")
      refuse("the method '" + name + "' takes no arguments with names");
    return arguments.bind("the method '" + name + "'", parameters, required);
  }
  std::string_view text() const { return self.getString(); }
  std::string_view stringArgument(Arg argument) const {
    if (!argument->isString())
      refuse("the method '" + name + "' expects a string, got " + argument->describe());
    return argument->getString();
  }
};

size_t findPart(std::string_view text, std::string_view part, size_t from) {
  if (part.empty())
    return from;
  const void *found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? static_cast<size_t>(static_cast<const char *>(found) - text.data())
               : std::string_view::npos;
}

Value stripText(const Call &call) {
  std::vector<Arg> arguments = call.bind({"chars"}, 0);
  bool left = call.name != "rstrip", right = call.name != "lstrip";
  if (!arguments[0] || arguments[0]->isNone()) {
    call.context.spend(call.text().size());
    return Value(strip(call.text(), left, right));
  }
  std::string_view characters = call.stringArgument(arguments[0]);
  call.context.spend(call.text().size() * (characters.size() + 1));
  return Value(strip(call.text(), left, right, characters));
}

/// Words between runs of whitespace; at most `most` splits, the rest is one piece.
std::vector<std::string_view> splitSpace(std::string_view text, int64_t most, bool fromRight) {
  std::vector<std::string_view> parts;
  while (true) {
    text = strip(text, !fromRight, fromRight);
    if (text.empty())
      break;
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(text);
      break;
    }
    size_t cut = fromRight ? 0 : text.size();
    for (size_t offset = 0; offset != text.size();) {
      size_t start = offset;
      if (!isSpace(nextCharacter(text, offset)))
        continue;
      cut = fromRight ? offset : start;
      if (!fromRight)
        break;
    }
    parts.push_back(fromRight ? text.substr(cut) : text.substr(0, cut));
    text = fromRight ? text.substr(0, cut) : text.substr(cut);
  }
  return parts;
}

std::vector<std::string_view> splitBy(std::string_view text, std::string_view separator,
                                      int64_t most, bool fromRight) {
  std::vector<std::string_view> parts;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    size_t at = fromRight ? text.rfind(separator) : findPart(text, separator, 0);
    if (at == std::string_view::npos)
      break;
    parts.push_back(fromRight ? text.substr(at + separator.size()) : text.substr(0, at));
    text = fromRight ? text.substr(0, at) : text.substr(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

Value splitText(const Call &call) {
  std::vector<Arg> arguments = call.bind({"sep", "maxsplit"}, 0);
  bool fromRight = call.name == "rsplit";
  int64_t most = -1;
  if (arguments[1]) {
    if (!arguments[1]->isInteger())
      refuse("the method '" + call.name + "' expects an integer as maxsplit, got " +
             arguments[1]->describe());
    most = arguments[1]->getInteger();
  }
  std::vector<std::string_view> parts;
  if (!arguments[0] || arguments[0]->isNone()) {
    // Looking for words from the right scans what is left anew each time.
    uint64_t scans = fromRight ? call.text().size() + 1 : 2;
    call.context.spend(call.text().size() * scans);
    parts = splitSpace(call.text(), most, fromRight);
  } else {
    std::string_view separator = call.stringArgument(arguments[0]);
    if (separator.empty())
      refuse("the method '" + call.name + "' expects a separator that is not empty");
    call.context.spend(call.text().size() * (fromRight ? separator.size() : 1));
    parts = splitBy(call.text(), separator, most, fromRight);
  }
  if (fromRight)
    std::reverse(parts.begin(), parts.end());
  call.context.spendElements(2 * parts.size());
  call.context.spend(call.text().size());
  std::vector<Value> items;
  for (std::string_view part : parts)
    items.emplace_back(part);
  return Value::list(std::move(items));
}

Value splitTextLines(const Call &call) {
  call.bind({}, 0);
  call.context.spend(2 * call.text().size());
  std::vector<Value> items;
  for (std::string_view line : splitLines(call.text()))
    items.emplace_back(line);
  call.context.spendElements(2 * items.size());
  return Value::list(std::move(items));
}

Value testAffix(const Call &call) {
  std::vector<Arg> arguments = call.bind({"affix"}, 1);
  std::vector<Value> affixes{*arguments[0]};
  if (arguments[0]->isSequence(Sequence::Flavor::Tuple)) {
    affixes = arguments[0]->getSequence().items;
    call.context.spendElements(affixes.size());
  }
  for (const Value &affix : affixes) {
    std::string_view text = call.stringArgument(&affix);
    call.context.spend(1 + text.size());
    if (call.name == "startswith" ? call.text().starts_with(text) : call.text().ends_with(text))
      return Value(true);
  }
  return Value(false);
}

Value removeAffix(const Call &call) {
  std::vector<Arg> arguments = call.bind({"affix"}, 1);
  std::string_view text = call.text(), affix = call.stringArgument(arguments[0]);
  call.context.spend(text.size());
  if (call.name == "removeprefix" && text.starts_with(affix))
    text.remove_prefix(affix.size());
  if (call.name == "removesuffix" && text.ends_with(affix))
    text.remove_suffix(affix.size());
  return Value(text);
}

Value changeTextCase(const Call &call) {
  call.bind({}, 0);
  call.context.spend(2 * call.text().size());
  Case to = call.name == "upper"   ? Case::Upper
            : call.name == "lower" ? Case::Lower
            : call.name == "title" ? Case::Titled
                                   : Case::Capitalized;
  return Value(changeCase(call.text(), to));
}

Value replaceText(const Call &call) {
  std::vector<Arg> arguments = call.bind({"old", "new", "count"}, 2);
  if (arguments[2] && !arguments[2]->isInteger())
    refuse("the method 'replace' expects an integer as count, got " + arguments[2]->describe());
  return Value(replaceAll(call.context, call.text(), call.stringArgument(arguments[0]),
                          call.stringArgument(arguments[1]),
                          arguments[2] ? arguments[2]->getInteger() : -1));
}

Value findText(const Call &call) {
  std::vector<Arg> arguments = call.bind({"part"}, 1);
  std::string_view text = call.text(), part = call.stringArgument(arguments[0]);
  call.context.spend(2 * text.size());
  if (call.name == "count") {
    int64_t count = part.empty() ? static_cast<int64_t>(countCharacters(text)) + 1 : 0;
    for (size_t at = 0; !part.empty() && (at = findPart(text, part, at)) != std::string_view::npos;
         at += part.size())
      ++count;
    return Value(count);
  }
  size_t at = findPart(text, part, 0);
  return Value(at == std::string_view::npos
                   ? int64_t{-1}
                   : static_cast<int64_t>(countCharacters(text.substr(0, at))));
}

Value joinText(const Call &call) {
  std::vector<Arg> arguments = call.bind({"iterable"}, 1);
  std::vector<Value> items = iterate(call.context, *arguments[0]);
  for (const Value &item : items)
    if (!item.isString())
      refuse("the method 'join' expects strings, got " + item.describe());
  return joinItems(call.context, call.text(), items);
}

Value getEntry(const Call &call) {
  if (!call.arguments.named.empty())
    refuse("the method 'get' takes no arguments with names");
  std::vector<Arg> arguments = call.bind({"key", "default"}, 1);
  const Value *entry = findEntry(call.context, call.self.getDict(), *arguments[0]);
  return entry ? *entry : arguments[1] ? *arguments[1] : Value();
}

Value viewDict(const Call &call) {
  call.bind({}, 0);
  call.context.spendElements(4 * call.self.getDict().entries.size());
  std::vector<Value> items;
  for (const auto &[key, value] : call.self.getDict().entries) {
    if (call.name == "items")
      items.push_back(Value::sequence(Sequence::Flavor::Tuple, {key, value}));
    else
      items.push_back(call.name == "keys" ? key : value);
  }
  return Value::sequence(Sequence::Flavor::View, std::move(items));
}

struct Method {
  std::string_view name;
  Value (*call)(const Call &);
};

constexpr Method stringMethods[] = {
    {"capitalize", changeTextCase},
    {"count", findText},
    {"endswith", testAffix},
    {"find", findText},
    {"join", joinText},
    {"lower", changeTextCase},
    {"lstrip", stripText},
    {"removeprefix", removeAffix},
    {"removesuffix", removeAffix},
    {"replace", replaceText},
    {"rsplit", splitText},
    {"rstrip", stripText},
    {"split", splitText},
    {"splitlines", splitTextLines},
    {"startswith", testAffix},
    {"strip", stripText},
    {"title", changeTextCase},
    {"upper", changeTextCase},
};

constexpr Method dictMethods[] = {
    {"get", getEntry},
    {"items", viewDict},
    {"keys", viewDict},
    {"values", viewDict},
};

const Method *findMethod(const Value &value, const std::string &name) {
  auto find = [&](const auto &methods) {
    auto found = std::find_if(std::begin(methods), std::end(methods),
                              [&](const Method &method) { return method.name == name; });
    return found == std::end(methods) ? nullptr : &*found;
  };
  if (value.isString())
    return find(stringMethods);
  return value.isDict() ? find(dictMethods) : nullptr;
}

} // namespace

bool hasMethod(const Value &value, const std::string &name) {
  return findMethod(value, name) != nullptr;
}

Value callMethod(Context &context, const Value &value, const std::string &name,
                 const Arguments &arguments) {
  return findMethod(value, name)->call({context, value, name, arguments});
}

std::string replaceAll(Context &context, std::string_view text, std::string_view from,
                       std::string_view to, int64_t most) {
  context.spend(2 * text.size());
  std::string result;
  size_t at = 0;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    size_t found = findPart(text, from, at);
    if (found == std::string_view::npos)
      break;
    context.spend(to.size());
    result.append(text.substr(at, found - at)).append(to);
    at = found + from.size();
    if (from.empty()) {
      // An empty string is found before each character and at the end.
      if (at == text.size())
        break;
      std::string_view character = characterAt(text, at);
      result += character;
      at += character.size();
    }
  }
  return result.append(text.substr(at));
}

Value joinItems(Context &context, std::string_view separator, const std::vector<Value> &items) {
  std::string result;
  for (size_t index = 0; index != items.size(); ++index) {
    if (index != 0) {
      context.spend(separator.size());
      result += separator;
    }
    result += format(context, items[index]);
  }
  return Value(std::move(result));
}

} // namespace nyala::rt::jinja
