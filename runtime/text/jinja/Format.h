//===- Format.h - Values as text --------------------------------*- C++ -*-===//
//
// str(), repr() and json.dumps() of Python, byte for byte.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_FORMAT_H
#define NYALA_RUNTIME_TEXT_JINJA_FORMAT_H

#include "runtime/text/jinja/Context.h"

#include <optional>

namespace nyala::rt::jinja {

/// The shortest digits that read back as the same number, laid out as float.__repr__ does:
/// positional for exponents from -4 to 15, scientific with two exponent digits otherwise.
std::string formatFloat(double value, const char *infinity = "inf", const char *notANumber = "nan");

/// What printing the value gives: a string itself, nothing for an undefined value, repr of lists
/// and dicts. Values whose text holds an address in Python (macros, iterators) are unsupported.
std::string format(Context &context, const Value &value);

struct JsonOptions {
  bool escapeNonAscii = false;
  bool sortKeys = false;
  /// A line per element, each level indented by this.
  std::optional<std::string> indent;
  std::string itemSeparator = ", ";
  std::string keySeparator = ": ";
};

std::string formatJson(Context &context, const Value &value, const JsonOptions &options);

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_FORMAT_H
