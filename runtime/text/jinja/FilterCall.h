//===- FilterCall.h - What a filter is given --------------------*- C++ -*-===//
//
// The filters are in two files: TextFilters.cpp has those that make text and
// numbers, Filters.cpp those of sequences and the table of all.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_FILTERCALL_H
#define NYALA_RUNTIME_TEXT_JINJA_FILTERCALL_H

#include "runtime/text/jinja/Format.h"
#include "runtime/text/jinja/Library.h"

namespace nyala::rt::jinja {

/// The filtered value, the name the filter was called by, and its arguments.
struct FilterCall {
  Context &context;
  const Value &self;
  const std::string &name;
  Arguments &arguments;

  std::vector<const Value *> bind(std::initializer_list<std::string_view> parameters = {},
                                  size_t required = 0) const {
    return arguments.bind("the filter '" + name + "'", parameters, required);
  }
  /// The filtered value's printed form: filters on strings take any value.
  std::string text() const {
    if (self.isString())
      self.getString();
    std::string result = format(context, self);
    context.spend(result.size());
    return result;
  }
};

Value caseFilter(const FilterCall &call);
Value escapeFilter(const FilterCall &call);
Value indentFilter(const FilterCall &call);
Value integerFilter(const FilterCall &call);
Value jsonFilter(const FilterCall &call);
Value replaceFilter(const FilterCall &call);
Value safeFilter(const FilterCall &call);
Value stringFilter(const FilterCall &call);
Value trimFilter(const FilterCall &call);

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_FILTERCALL_H
