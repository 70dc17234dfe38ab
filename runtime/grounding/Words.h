//===- Words.h - Words and numerals of a text -------------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_GROUNDING_WORDS_H
#define NYALA_RUNTIME_GROUNDING_WORDS_H

#include "runtime/grounding/Path.h"

namespace nyala::rt::grounding {

inline bool isDigit(char c) { return c >= '0' && c <= '9'; }
/// Part of a word, also of one in letters beyond ASCII.
inline bool isWordByte(char c) { return isNameByte(c) || static_cast<uint8_t>(c) >= 0x80; }

/// Is there a point or comma between digits, which belongs to a numeral?
inline bool isInNumeral(std::string_view text, size_t at) {
  return (text[at] == '.' || text[at] == ',') && at > 0 && isDigit(text[at - 1]) &&
         at + 1 < text.size() && isDigit(text[at + 1]);
}

/// Where the numeral that begins at text[at] ends.
inline size_t findNumeralEnd(std::string_view text, size_t at) {
  while (at < text.size() && (isDigit(text[at]) || isInNumeral(text, at)))
    ++at;
  return at;
}

/// Does a word begin at text[at]? Words are letters, digits and _, numerals with their points and
/// commas, and the sign before them.
inline bool isWordBegin(std::string_view text, size_t at) {
  const bool isInside = at > 0 && (isWordByte(text[at - 1]) || isInNumeral(text, at - 1));
  if (at >= text.size() || isInside)
    return false;
  const bool isSigned = at > 0 && text[at - 1] == '-' && (at == 1 || !isWordByte(text[at - 2]));
  if (isDigit(text[at]))
    return !isSigned;
  const bool isSign = text[at] == '-' && at + 1 < text.size() && isDigit(text[at + 1]);
  return isWordByte(text[at]) || isSign;
}

/// Does a word end before text[at]?
inline bool isWordEnd(std::string_view text, size_t at) {
  return at > 0 && isWordByte(text[at - 1]) &&
         (at == text.size() || !(isWordByte(text[at]) || isInNumeral(text, at)));
}

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_WORDS_H
