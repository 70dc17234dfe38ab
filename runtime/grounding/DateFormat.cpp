//===- DateFormat.cpp - Dates of data, as text wants them -----------------===//

#include "runtime/grounding/DateFormat.h"

#include <chrono>
#include <cstdio>

namespace nyala::rt::grounding {
namespace {

constexpr const char *months[] = {"January",   "February", "March",    "April",
                                  "May",       "June",     "July",     "August",
                                  "September", "October",  "November", "December"};
constexpr const char *days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                "Thursday", "Friday", "Saturday"};

/// Reads from the front of a text.
struct Reader {
  std::string_view text;

  bool skip(char byte) {
    if (!text.starts_with(byte))
      return false;
    text.remove_prefix(1);
    return true;
  }
  /// -1 if there are not so many digits.
  int number(size_t digits) {
    if (text.size() < digits)
      return -1;
    int value = 0;
    for (char digit : text.substr(0, digits)) {
      if (digit < '0' || digit > '9')
        return -1;
      value = 10 * value + (digit - '0');
    }
    text.remove_prefix(digits);
    return value;
  }
  bool number(size_t digits, int last, int &value) {
    value = number(digits);
    return value >= 0 && value <= last;
  }
};

/// What may follow a time: a fraction of the second, and a zone.
bool skipRest(Reader &reader, bool hasSeconds) {
  if (hasSeconds && reader.skip('.')) {
    if (reader.number(1) < 0)
      return false;
    while (reader.number(1) >= 0)
      ;
  }
  int part = 0;
  if (reader.skip('+') || reader.skip('-'))
    return reader.number(2, 23, part) && reader.skip(':') && reader.number(2, 59, part);
  reader.skip('Z');
  return true;
}

std::chrono::sys_days toDays(const Date &date) {
  return std::chrono::year_month_day{std::chrono::year(date.year),
                                     std::chrono::month(static_cast<unsigned>(date.month)),
                                     std::chrono::day(static_cast<unsigned>(date.day))};
}

std::string expand(const Date &date, char directive, bool isShort) {
  auto pad = [&](int value, int width) {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, "%0*d", isShort ? 1 : width, value);
    return std::string(buffer);
  };
  auto getDay = [&] { return days[std::chrono::weekday(toDays(date)).c_encoding()]; };
  switch (directive) {
  case 'd':
    return pad(date.day, 2);
  case 'm':
    return pad(date.month, 2);
  case 'y':
    return pad(date.year % 100, 2);
  case 'Y':
    return pad(date.year, 4);
  case 'j':
    return pad(static_cast<int>((toDays(date) - toDays({date.year, 1, 1})).count()) + 1, 3);
  case 'H':
    return pad(date.hour, 2);
  case 'M':
    return pad(date.minute, 2);
  case 'S':
    return pad(date.second, 2);
  case 'B':
    return months[date.month - 1];
  case 'b':
    return std::string(months[date.month - 1], 3);
  case 'A':
    return getDay();
  default:
    return std::string(getDay(), 3);
  }
}

} // namespace

std::optional<Date> parseDate(std::string_view text) {
  Date date{};
  Reader reader{text};
  if (!reader.number(4, 9999, date.year) || !reader.skip('-') ||
      !reader.number(2, 12, date.month) || !reader.skip('-') || !reader.number(2, 31, date.day))
    return std::nullopt;
  std::chrono::year_month_day day{std::chrono::year(date.year),
                                  std::chrono::month(static_cast<unsigned>(date.month)),
                                  std::chrono::day(static_cast<unsigned>(date.day))};
  if (date.year == 0 || !day.ok())
    return std::nullopt;
  if (reader.text.empty())
    return date;
  date.hasTime = true;
  if (!(reader.skip('T') || reader.skip(' ')) || !reader.number(2, 23, date.hour) ||
      !reader.skip(':') || !reader.number(2, 59, date.minute))
    return std::nullopt;
  bool hasSeconds = reader.skip(':');
  if ((hasSeconds && !reader.number(2, 59, date.second)) || !skipRest(reader, hasSeconds) ||
      !reader.text.empty())
    return std::nullopt;
  return date;
}

std::optional<std::string> formatDate(const Date &date, std::string_view format) {
  std::string out;
  unsigned parts = 0, directives = 0;
  for (size_t at = 0; at < format.size(); ++at, ++parts) {
    if (format[at] != '%') {
      if (formatSeparators.find(format[at]) == std::string_view::npos)
        return std::nullopt;
      out += format[at];
      continue;
    }
    bool isShort = format.substr(at + 1).starts_with('-');
    at += isShort ? 2 : 1;
    char directive = at < format.size() ? format[at] : '\0';
    bool isNumeric = numericDirectives.find(directive) != std::string_view::npos;
    bool isName = !isShort && nameDirectives.find(directive) != std::string_view::npos;
    if (!directive || (!isNumeric && !isName) || (isOfTime(directive) && !date.hasTime))
      return std::nullopt;
    out += expand(date, directive, isShort);
    ++directives;
  }
  if (directives == 0 || parts > maxFormatParts)
    return std::nullopt;
  return out;
}

} // namespace nyala::rt::grounding
