//===- Functions.cpp - Functions, and the arguments of calls --------------===//

#include "runtime/text/jinja/Format.h"
#include "runtime/text/jinja/Library.h"
#include "runtime/text/jinja/Operators.h"

#include <algorithm>
#include <array>

namespace nyala::rt::jinja {
namespace {

using Flavor = Sequence::Flavor;

Value makeRange(Context &context, const Arguments &arguments) {
  if (!arguments.named.empty())
    refuse("range takes no arguments with names");
  auto bounds = arguments.bind("range", {"start", "stop", "step"}, 1);
  for (const Value *bound : bounds)
    if (bound && !bound->isInteger())
      refuse("range expects integers, got " + bound->describe());
  int64_t first = bounds[1] ? bounds[0]->getInteger() : 0;
  int64_t last = (bounds[1] ? bounds[1] : bounds[0])->getInteger();
  int64_t step = bounds[2] ? bounds[2]->getInteger() : 1;
  if (step == 0)
    refuse("the step of range must not be zero");
  // As in Jinja's sandbox.
  constexpr size_t most = 100000;
  std::vector<Value> items;
  for (int64_t at = first; step > 0 ? at < last : at > last;) {
    if (items.size() == most)
      refuse("range is longer than " + std::to_string(most) + ", which is the limit");
    context.spendElements(1);
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at))
      break;
  }
  return Value::sequence(Flavor::Range, std::move(items));
}

/// The entries that namespace(…) and dict(…) are called with.
std::vector<std::pair<Value, Value>> collectEntries(Context &context, const char *callee,
                                                    const Arguments &arguments) {
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.positional.size() > 1 ||
      (arguments.positional.size() == 1 && !arguments.positional[0].isDict()))
    unsupported(std::string(callee) + " supports one dict and arguments with names");
  if (!arguments.positional.empty())
    entries = arguments.positional[0].getDict().entries;
  for (const auto &[name, value] : arguments.named)
    entries.emplace_back(Value(name), value);
  context.spendElements(2 * entries.size());
  return entries;
}

std::string twoDigits(int number) {
  return std::to_string(number / 10 % 10) + std::to_string(number % 10);
}

/// strftime in the C locale, whatever the program's is.
std::string formatTime(Context &context, std::string_view pattern) {
  constexpr size_t longestField = 9;
  context.spend(longestField * pattern.size());
  std::tm time = context.now();
  constexpr std::array<std::string_view, 12> months = {
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  constexpr std::array<std::string_view, 7> days = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
  std::string_view month = months[static_cast<size_t>(time.tm_mon) % 12];
  std::string_view day = days[static_cast<size_t>(time.tm_wday) % 7];
  int hour = time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12, year = time.tm_year + 1900;
  std::string result;
  for (size_t index = 0; index != pattern.size(); ++index) {
    if (pattern[index] != '%') {
      result += pattern[index];
      continue;
    }
    char field = index + 1 != pattern.size() ? pattern[++index] : '\0';
    bool isBare = field == '-'; // "%-d": without a leading zero
    if (isBare)
      field = index + 1 != pattern.size() ? pattern[++index] : '\0';
    auto number = [&](int value) { return isBare ? std::to_string(value) : twoDigits(value); };
    switch (field) {
    case 'd':
      result += number(time.tm_mday);
      break;
    case 'm':
      result += number(time.tm_mon + 1);
      break;
    case 'y':
      result += number(year % 100);
      break;
    case 'H':
      result += number(time.tm_hour);
      break;
    case 'I':
      result += number(hour);
      break;
    case 'M':
      result += number(time.tm_min);
      break;
    case 'S':
      result += number(time.tm_sec);
      break;
    case 'Y':
      result += std::to_string(year);
      break;
    case 'B':
      result += month;
      break;
    case 'b':
      result += month.substr(0, 3);
      break;
    case 'A':
      result += day;
      break;
    case 'a':
      result += day.substr(0, 3);
      break;
    case 'p':
      result += time.tm_hour < 12 ? "AM" : "PM";
      break;
    case '%':
      result += '%';
      break;
    default:
      unsupported("strftime_now does not support the format '" + std::string(pattern) +
                  "'; known are the fields a A b B d H I m M p S y Y");
    }
  }
  return result;
}

} // namespace

std::vector<const Value *> Arguments::bind(const std::string &callee,
                                           std::initializer_list<std::string_view> parameters,
                                           size_t required) const {
  std::vector<const Value *> bound(parameters.size());
  if (positional.size() > parameters.size())
    refuse(callee + " takes at most " + std::to_string(parameters.size()) + " arguments, got " +
           std::to_string(positional.size()));
  for (size_t index = 0; index != positional.size(); ++index)
    bound[index] = &positional[index];
  for (const auto &[name, value] : named) {
    auto found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end())
      refuse(callee + " takes no argument '" + name + "'");
    const Value *&place = bound[static_cast<size_t>(found - parameters.begin())];
    if (place)
      refuse(callee + " is given the argument '" + name + "' twice");
    place = &value;
  }
  for (size_t index = 0; index != required; ++index)
    if (!bound[index])
      refuse(callee + " expects the argument '" + std::string(parameters.begin()[index]) + "'");
  return bound;
}

Value Arguments::takeFirst() {
  Value first = positional.front();
  positional.erase(positional.begin());
  return first;
}

std::optional<Value> findFunction(const std::string &name) {
  static constexpr std::array<std::pair<std::string_view, Function>, 5> functions = {{
      {"namespace", Function::Namespace},
      {"range", Function::Range},
      {"dict", Function::Dict},
      {"raise_exception", Function::RaiseException},
      {"strftime_now", Function::StrftimeNow},
  }};
  for (const auto &[known, function] : functions)
    if (known == name)
      return Value(function);
  // Names that mean something to Jinja or transformers: taking them for undefined would be wrong.
  static constexpr std::array<std::string_view, 13> known = {"lipsum",
                                                             "cycler",
                                                             "joiner",
                                                             "caller",
                                                             "varargs",
                                                             "kwargs",
                                                             "self",
                                                             "unk_token",
                                                             "pad_token",
                                                             "sep_token",
                                                             "cls_token",
                                                             "mask_token",
                                                             "additional_special_tokens"};
  if (std::find(known.begin(), known.end(), name) != known.end())
    unsupported("the variable '" + name + "' is not supported");
  return std::nullopt;
}

Value callFunction(Context &context, Function function, const Arguments &arguments) {
  switch (function) {
  case Function::Namespace: {
    auto entries = collectEntries(context, "namespace", arguments);
    Namespace *made = context.makeNamespace();
    for (auto &[key, value] : entries)
      if (key.isString())
        made->attributes.insert_or_assign(std::string(key.getString()), std::move(value));
    return Value(made);
  }
  case Function::Range:
    return makeRange(context, arguments);
  case Function::Dict:
    return makeDict(context, collectEntries(context, "dict", arguments));
  case Function::RaiseException: {
    auto bound = arguments.bind("raise_exception", {"message"}, 1);
    throw Failure(NYALA_INVALID_TEXT, format(context, *bound[0]));
  }
  case Function::StrftimeNow: {
    auto bound = arguments.bind("strftime_now", {"format"}, 1);
    if (!bound[0]->isString())
      refuse("strftime_now expects a string, got " + bound[0]->describe());
    return Value(formatTime(context, bound[0]->getString()));
  }
  }
  return Value();
}

} // namespace nyala::rt::jinja
