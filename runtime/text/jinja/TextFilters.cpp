//===- TextFilters.cpp - Filters that make text and numbers ---------------===//
//
// Parameters and meaning after Jinja's built-in filters; tojson after the one
// that transformers puts in its place.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/jinja/Characters.h"
#include "runtime/text/jinja/FilterCall.h"
#include "runtime/text/jinja/Operators.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace nyala::rt::jinja {

Value trimFilter(const FilterCall &call) {
  auto arguments = call.bind({"chars"});
  std::string text = call.text();
  if (!arguments[0] || arguments[0]->isNone())
    return Value(strip(text, /*left=*/true, /*right=*/true));
  if (!arguments[0]->isString())
    refuse("the filter 'trim' expects a string, got " + arguments[0]->describe());
  std::string_view characters = arguments[0]->getString();
  call.context.spend(text.size() * (characters.size() + 1));
  return Value(strip(text, /*left=*/true, /*right=*/true, characters));
}

Value caseFilter(const FilterCall &call) {
  call.bind();
  if (call.name == "upper")
    return Value(changeCase(call.text(), Case::Upper));
  if (call.name == "lower")
    return Value(changeCase(call.text(), Case::Lower));
  if (call.name == "capitalize")
    return Value(changeCase(call.text(), Case::Capitalized));
  return Value(titleWords(call.text()));
}

Value jsonFilter(const FilterCall &call) {
  auto arguments = call.bind({"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonOptions options;
  options.escapeNonAscii = arguments[0] && arguments[0]->isTrue();
  options.sortKeys = arguments[3] && arguments[3]->isTrue();
  if (arguments[1] && !arguments[1]->isNone()) {
    if (arguments[1]->isInteger()) {
      int64_t width = std::max<int64_t>(arguments[1]->getInteger(), 0);
      call.context.spend(static_cast<uint64_t>(width));
      options.indent = std::string(static_cast<size_t>(width), ' ');
    } else if (arguments[1]->isString()) {
      options.indent = std::string(arguments[1]->getString());
    } else {
      refuse("the filter 'tojson' expects an integer or a string as indent, got " +
             arguments[1]->describe());
    }
    options.itemSeparator = ",";
  }
  if (arguments[2] && !arguments[2]->isNone()) {
    std::vector<Value> separators = iterate(call.context, *arguments[2]);
    if (separators.size() != 2 || !separators[0].isString() || !separators[1].isString())
      refuse("the filter 'tojson' expects two strings as separators");
    options.itemSeparator = separators[0].getString();
    options.keySeparator = separators[1].getString();
  }
  return Value(formatJson(call.context, call.self, options));
}

Value replaceFilter(const FilterCall &call) {
  auto arguments = call.bind({"old", "new", "count"}, 2);
  int64_t most = -1;
  if (arguments[2] && !arguments[2]->isNone()) {
    if (!arguments[2]->isInteger())
      refuse("the filter 'replace' expects an integer as count, got " + arguments[2]->describe());
    most = arguments[2]->getInteger();
  }
  return Value(replaceAll(call.context, call.text(), format(call.context, *arguments[0]),
                          format(call.context, *arguments[1]), most));
}

Value stringFilter(const FilterCall &call) {
  call.bind();
  return call.self.isString() ? call.self : Value(format(call.context, call.self));
}

namespace {

/// A decimal number as int() and float() of Python read it: blanks around it, a sign and single
/// underscores between digits are allowed.
std::optional<Value> parseNumber(std::string_view text) {
  text = strip(text, /*left=*/true, /*right=*/true);
  bool isNegative = text.starts_with('-');
  if (isNegative || text.starts_with('+'))
    text.remove_prefix(1);
  std::string digits;
  for (size_t index = 0; index != text.size(); ++index) {
    auto isDigit = [&](size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '9';
    };
    if (static_cast<unsigned char>(text[index]) >= 0x80)
      unsupported("numbers written with characters outside ASCII are not supported");
    if (text[index] != '_')
      digits += text[index];
    else if (index == 0 || !isDigit(index - 1) || !isDigit(index + 1))
      return std::nullopt;
  }
  if (digits.empty() || !((digits[0] >= '0' && digits[0] <= '9') || digits[0] == '.'))
    return std::nullopt; // "inf" and "nan" have no integer either
  if (digits.find_first_not_of("0123456789") == std::string::npos) {
    int64_t value = 0;
    std::string literal = (isNegative ? "-" : "") + digits;
    if (std::from_chars(literal.data(), literal.data() + literal.size(), value).ec != std::errc())
      unsupported("the number " + literal + " does not fit in 64 bits");
    return Value(value);
  }
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument)
    return std::nullopt;
  if (error == std::errc::result_out_of_range)
    unsupported("the number " + digits + " does not fit in a float");
  return Value(isNegative ? -value : value);
}

} // namespace

Value integerFilter(const FilterCall &call) {
  auto arguments = call.bind({"default", "base"});
  if (arguments[1] && !(arguments[1]->isInteger() && arguments[1]->getInteger() == 10))
    unsupported("the filter 'int' supports base 10 only");
  Value fallback = arguments[0] ? *arguments[0] : Value(int64_t{0});
  std::optional<Value> number;
  if (call.self.isUndefined())
    refuse(call.self.getUndefinedName() + " is undefined, so it is no integer");
  if (call.self.isString())
    number = parseNumber(call.text());
  else if (call.self.isNumber())
    number = call.self;
  if (!number)
    return fallback;
  if (number->isInteger())
    return Value(number->getInteger());
  double value = std::trunc(number->getNumber());
  if (std::isnan(value))
    return fallback;
  if (!(std::abs(value) < 0x1p63))
    unsupported("the filter 'int' got a number that does not fit in 64 bits");
  return Value(static_cast<int64_t>(value));
}

Value safeFilter(const FilterCall &call) {
  call.bind();
  return Value(Text{format(call.context, call.self), /*isMarkup=*/true});
}

Value escapeFilter(const FilterCall &call) {
  call.bind();
  if (call.self.isString() && call.self.getText().isMarkup)
    return call.self;
  std::string text = call.text(), result;
  for (char c : text) {
    std::string_view replacement = c == '&'    ? "&amp;"
                                   : c == '<'  ? "&lt;"
                                   : c == '>'  ? "&gt;"
                                   : c == '\'' ? "&#39;"
                                   : c == '"'  ? "&#34;"
                                               : std::string_view(&c, 1);
    result += replacement;
  }
  call.context.spend(result.size());
  return Value(Text{std::move(result), /*isMarkup=*/true});
}

Value indentFilter(const FilterCall &call) {
  auto arguments = call.bind({"width", "first", "blank"});
  std::string indent(4, ' ');
  if (arguments[0] && arguments[0]->isString()) {
    indent = arguments[0]->getString();
  } else if (arguments[0]) {
    if (!arguments[0]->isInteger())
      refuse("the filter 'indent' expects an integer or a string as width, got " +
             arguments[0]->describe());
    int64_t width = std::max<int64_t>(arguments[0]->getInteger(), 0);
    call.context.spend(static_cast<uint64_t>(width));
    indent.assign(static_cast<size_t>(width), ' ');
  }
  bool indentsFirst = arguments[1] && arguments[1]->isTrue();
  bool indentsBlank = arguments[2] && arguments[2]->isTrue();
  if (!call.self.isString())
    refuse("the filter 'indent' expects a string, got " + call.self.describe());
  // Jinja adds a line end, so that one at the end of the text makes an empty last line.
  std::string text = call.text() + "\n", result;
  std::vector<std::string_view> lines = splitLines(text);
  call.context.spendElements(lines.size());
  for (size_t index = 0; index != lines.size(); ++index) {
    bool indents = index == 0 ? indentsFirst : indentsBlank || !lines[index].empty();
    call.context.spend(lines[index].size() + 1 + (indents ? indent.size() : 0));
    if (index != 0)
      result += '\n';
    if (indents)
      result += indent;
    result += lines[index];
  }
  return Value(std::move(result));
}

} // namespace nyala::rt::jinja
