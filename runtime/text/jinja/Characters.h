//===- Characters.h - Characters of template strings ------------*- C++ -*-===//
//
// Template strings behave as Python's: they are sequences of code points, and
// "whitespace", "upper case" and "printable" are Unicode's notions. Every string
// here is valid UTF-8 (checked where text enters the evaluator), so decoding
// cannot fail.
//
// Case and printability are known for ASCII and for the blocks listed in
// Characters.cpp; asking for them elsewhere is reported as unsupported, since a
// guess would change a prompt silently.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_CHARACTERS_H
#define NYALA_RUNTIME_TEXT_JINJA_CHARACTERS_H

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::rt::jinja {

/// The code point that starts at `offset`, which moves behind it.
char32_t nextCharacter(std::string_view text, size_t &offset);
/// The bytes of the character that starts at `offset`.
std::string_view characterAt(std::string_view text, size_t offset);
void appendCharacter(std::string &text, char32_t character);
size_t countCharacters(std::string_view text);
/// Byte offset of character `index`, which is at most countCharacters(text).
size_t offsetOfCharacter(std::string_view text, size_t index);

/// What Python's str.isspace() holds true.
bool isSpace(char32_t character);
bool isAllSpace(std::string_view text);

/// Removes from both, or either, end what `characters` holds, or whitespace without it.
std::string_view strip(std::string_view text, bool left, bool right,
                       std::optional<std::string_view> characters = std::nullopt);

/// Lines without their ends, as Python's str.splitlines() divides them.
std::vector<std::string_view> splitLines(std::string_view text);

enum class Case {
  Lower,
  Upper,
  /// The first character upper, the rest lower.
  Capitalized,
  /// Every run of letters capitalized (str.title()).
  Titled,
};
/// Throws Problem for characters whose case is not known.
std::string changeCase(std::string_view text, Case to);
/// The filter 'title', which other than the method starts words behind blanks and opening brackets.
/// Throws as changeCase does.
std::string titleWords(std::string_view text);

/// Can repr() show the character as it is? Throws Problem where that is not known.
bool isPrintable(char32_t character);

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_CHARACTERS_H
