//===- Library.h - Filters, tests, methods, functions -----------*- C++ -*-===//
//
// What a template can call by name, as Jinja, Python and transformers define it.
// The check functions throw Problem for a name that is not known.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_LIBRARY_H
#define NYALA_RUNTIME_TEXT_JINJA_LIBRARY_H

#include "runtime/text/jinja/Context.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace nyala::rt::jinja {

/// Arguments of a call, without the value a filter, test or method is applied to.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  /// The arguments in the order of the callee's parameters; null: an optional one is missing.
  /// Refuses too many, unknown and missing ones, naming `callee`.
  std::vector<const Value *> bind(const std::string &callee,
                                  std::initializer_list<std::string_view> parameters,
                                  size_t required) const;
  /// Takes the first positional argument away.
  Value takeFirst();
};

void checkFilter(const std::string &name);
Value applyFilter(Context &context, const std::string &name, const Value &value,
                  Arguments arguments);

void checkTest(const std::string &name);
bool applyTest(Context &context, const std::string &name, const Value &value,
               const Arguments &arguments);

/// Is `name` a method of the value's type that callMethod knows?
bool hasMethod(const Value &value, const std::string &name);
Value callMethod(Context &context, const Value &value, const std::string &name,
                 const Arguments &arguments);

/// The function a variable names if the template did not assign to it.
std::optional<Value> findFunction(const std::string &name);
Value callFunction(Context &context, Function function, const Arguments &arguments);

/// `text` with every `from` replaced, or the first `most` of them.
std::string replaceAll(Context &context, std::string_view text, std::string_view from,
                       std::string_view to, int64_t most);
/// str.join of the items' printed forms.
Value joinItems(Context &context, std::string_view separator, const std::vector<Value> &items);

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_LIBRARY_H
