//===- Format.cpp - Values as text ----------------------------------------===//

#include "runtime/text/jinja/Format.h"

#include "runtime/text/jinja/Characters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace nyala::rt::jinja {
namespace {

using Kind = Value::Kind;

void appendHex(std::string &out, const char *pattern, char32_t character) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, pattern, static_cast<unsigned>(character));
  out += buffer;
}

class Printer {
public:
  Printer(Context &context, std::string &out) : context(context), out(out) {}

  void print(const Value &value) {
    context.spend(1);
    size_t before = out.size();
    switch (value.getKind()) {
    case Kind::Undefined:
      out += "Undefined";
      break;
    case Kind::None:
      out += "None";
      break;
    case Kind::Boolean:
      out += value.isTrue() ? "True" : "False";
      break;
    case Kind::Integer:
      out += std::to_string(value.getInteger());
      break;
    case Kind::Float:
      out += formatFloat(value.getNumber(), "inf", "nan");
      break;
    case Kind::String:
      printQuoted(value.getString());
      break;
    case Kind::Sequence:
      return printSequence(value);
    case Kind::Dict:
      return printDict(value.getDict());
    default:
      unsupported("printing " + value.describe() + " is not supported");
    }
    context.spend(out.size() - before);
  }

private:
  void printSequence(const Value &value) {
    const Sequence &sequence = value.getSequence();
    bool isTuple = sequence.flavor == Sequence::Flavor::Tuple;
    if (!isTuple && sequence.flavor != Sequence::Flavor::List)
      unsupported("printing " + value.describe() + " is not supported; use 'list' or 'join'");
    out += isTuple ? '(' : '[';
    const char *separator = "";
    for (const Value &item : sequence.items) {
      out += separator;
      print(item);
      separator = ", ";
    }
    if (isTuple && sequence.items.size() == 1)
      out += ',';
    out += isTuple ? ')' : ']';
  }

  void printDict(const Dict &dict) {
    out += '{';
    const char *separator = "";
    for (const auto &[key, value] : dict.entries) {
      out += separator;
      print(key);
      out += ": ";
      print(value);
      separator = ", ";
    }
    out += '}';
  }

  void printQuoted(std::string_view text) {
    bool hasSingle = text.find('\'') != std::string_view::npos;
    char quote = hasSingle && text.find('"') == std::string_view::npos ? '"' : '\'';
    out += quote;
    for (size_t offset = 0; offset != text.size();) {
      char32_t c = nextCharacter(text, offset);
      if (c == static_cast<unsigned char>(quote) || c == '\\')
        (out += '\\') += static_cast<char>(c);
      else if (c == '\n')
        out += "\\n";
      else if (c == '\r')
        out += "\\r";
      else if (c == '\t')
        out += "\\t";
      else if (isPrintable(c))
        appendCharacter(out, c);
      else
        appendHex(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
    out += quote;
  }

  Context &context;
  std::string &out;
};

class JsonPrinter {
public:
  JsonPrinter(Context &context, const JsonOptions &options) : context(context), options(options) {}

  void print(const Value &value) {
    context.spend(1);
    size_t before = out.size();
    switch (value.getKind()) {
    case Kind::None:
    case Kind::Boolean:
    case Kind::Integer:
    case Kind::Float:
      out += scalar(value);
      break;
    case Kind::String:
      printQuoted(value.getText().text);
      break;
    case Kind::Sequence: {
      Sequence::Flavor flavor = value.getSequence().flavor;
      if (flavor != Sequence::Flavor::List && flavor != Sequence::Flavor::Tuple)
        refuse("'tojson' cannot write " + value.describe() + "; use 'list' first");
      return printItems('[', ']', value.getSequence().items,
                        [this](const Value &item) { print(item); });
    }
    case Kind::Dict:
      return printDict(value.getDict());
    default:
      refuse("'tojson' cannot write " + value.describe());
    }
    context.spend(out.size() - before);
  }

  std::string out;

private:
  static std::string scalar(const Value &value) {
    if (value.isNone())
      return "null";
    if (value.getKind() == Kind::Boolean)
      return value.isTrue() ? "true" : "false";
    if (value.isInteger())
      return std::to_string(value.getInteger());
    return formatFloat(value.getNumber(), "Infinity", "NaN");
  }

  void printDict(const Dict &dict) {
    std::vector<std::pair<Value, Value>> entries = dict.entries;
    context.spendElements(2 * entries.size());
    if (options.sortKeys) {
      for (const auto &[key, value] : entries)
        if (!key.isString())
          unsupported("'tojson' sorts only dicts whose keys are strings");
      std::sort(entries.begin(), entries.end(), [](const auto &left, const auto &right) {
        return left.first.getText().text < right.first.getText().text;
      });
    }
    printItems('{', '}', entries, [this](const std::pair<Value, Value> &entry) {
      const Value &key = entry.first;
      if (!key.isString() && !key.isNumber() && !key.isNone())
        refuse("'tojson' cannot write " + key.describe() + " as a key");
      printQuoted(key.isString() ? key.getText().text : scalar(key));
      context.spend(options.keySeparator.size());
      out += options.keySeparator;
      print(entry.second);
    });
  }

  template <typename Items, typename PrintItem>
  void printItems(char open, char close, const Items &items, PrintItem printItem) {
    out += open;
    if (!items.empty()) {
      ++level;
      bool isFirst = true;
      for (const auto &item : items) {
        if (!isFirst) {
          context.spend(options.itemSeparator.size());
          out += options.itemSeparator;
        }
        isFirst = false;
        breakLine();
        printItem(item);
      }
      --level;
      breakLine();
    }
    out += close;
  }

  void breakLine() {
    if (!options.indent)
      return;
    context.spend(1 + level * options.indent->size());
    out += '\n';
    for (size_t index = 0; index != level; ++index)
      out += *options.indent;
  }

  void printQuoted(std::string_view text) {
    out += '"';
    for (size_t offset = 0; offset != text.size();) {
      char32_t c = nextCharacter(text, offset);
      constexpr std::string_view escaped = "\"\\\n\r\t\f\b", letters = "\"\\nrtfb";
      size_t index = c < 0x80 ? escaped.find(static_cast<char>(c)) : std::string_view::npos;
      if (index != std::string_view::npos)
        (out += '\\') += letters[index];
      else if (c >= 0x10000 && options.escapeNonAscii) {
        appendHex(out, "\\u%04x", 0xD800 + ((c - 0x10000) >> 10));
        appendHex(out, "\\u%04x", 0xDC00 + ((c - 0x10000) & 0x3FF));
      } else if (c < 0x20 || (c > 0x7E && options.escapeNonAscii)) {
        // json.dumps(ensure_ascii=True) escapes DEL too.
        appendHex(out, "\\u%04x", c);
      } else {
        appendCharacter(out, c);
      }
    }
    out += '"';
  }

  Context &context;
  const JsonOptions &options;
  size_t level = 0;
};

} // namespace

std::string formatFloat(double value, const char *infinity, const char *notANumber) {
  if (std::isnan(value))
    return notANumber;
  if (std::isinf(value))
    return value < 0 ? std::string("-") + infinity : infinity;
  char buffer[64];
  char *end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string text(buffer, end);
  size_t mark = text.find('e');
  mark += text[mark + 1] == '+' ? 2 : 1; // from_chars reads no plus sign
  int exponent = 0;
  std::from_chars(text.data() + mark, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16)
    return text;
  end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  text.assign(buffer, end);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string format(Context &context, const Value &value) {
  std::string out;
  if (value.isString())
    out = value.getText().text;
  else if (!value.isUndefined())
    Printer(context, out).print(value);
  context.spend(out.size());
  return out;
}

std::string formatJson(Context &context, const Value &value, const JsonOptions &options) {
  JsonPrinter printer(context, options);
  printer.print(value);
  return std::move(printer.out);
}

} // namespace nyala::rt::jinja
