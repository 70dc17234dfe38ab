//===- DateFormat.h - Dates of data, as text wants them ---------*- C++ -*-===//
//
// The filter date: ISO 8601 dates, YYYY-MM-DD with or without a time of day
// (behind T or a blank: HH:MM, HH:MM:SS, a fraction, Z or ±HH:MM), by strftime's
// directives in English:
//
//   %d %m %y %Y %j   numbers, as are %H %M %S where there is a time of day; a
//                    hyphen drops leading zeros: %-d
//   %b %B %a %A      names of months and days, short and long
//
// Between them: blanks and , . / : -
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_DATEFORMAT_H
#define NYALA_RUNTIME_GROUNDING_DATEFORMAT_H

#include <optional>
#include <string>
#include <string_view>

namespace nyala::rt::grounding {

struct Date {
  int year, month, day;
  bool hasTime = false;
  int hour = 0, minute = 0, second = 0;
};

/// None for what is not such a date, or no day of the calendar.
std::optional<Date> parseDate(std::string_view text);

/// A format has at most so many parts: directives and characters between them.
constexpr unsigned maxFormatParts = 24;
constexpr std::string_view formatSeparators = " ,-./:";
/// The directives that a hyphen may stand before, and others. Of a time of day last.
constexpr std::string_view numericDirectives = "djmyYHMS", nameDirectives = "ABab";
inline bool isOfTime(char directive) {
  return directive == 'H' || directive == 'M' || directive == 'S';
}

/// The date as `format` says. None if the format has no directive, one that is not known or that
/// asks for a time of day that the date does not have, or too many parts.
std::optional<std::string> formatDate(const Date &date, std::string_view format);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_DATEFORMAT_H
