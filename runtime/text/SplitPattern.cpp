#include "runtime/text/SplitPattern.h"

#include "runtime/core/Status.h"
#include "runtime/text/CharacterClasses.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace nyala::rt {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isHexDigit(char c) { return isDigit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }
bool isPunctuation(char c) {
  return c > ' ' && c < 0x7f && !isDigit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

class Translator {
public:
  explicit Translator(std::string_view pattern) : pattern(pattern) {}

  std::string run() {
    while (at < pattern.size())
      readTerm();
    return std::move(out);
  }

private:
  /// What an escape means: a character, or a class with what is inside of its brackets.
  struct Escape {
    std::string text;
    bool isClass = false, negated = false;
  };

  [[noreturn]] void fail(size_t begin, const std::string &why) const {
    throw Failure(NYALA_UNSUPPORTED, "the construct at byte offset " + std::to_string(begin) +
                                         " is not supported: " + why);
  }
  char peek(size_t ahead = 0) const {
    return at + ahead < pattern.size() ? pattern[at + ahead] : '\0';
  }
  bool take(std::string_view text) {
    bool found = pattern.substr(at).starts_with(text);
    at += found ? text.size() : 0;
    return found;
  }

  void readTerm();
  void readGroup();
  void readClass();
  void readQuantifier();
  void readInterval();
  Escape readEscape();
  Escape readProperty(bool negated);
  std::string readHex(size_t most);
  std::optional<std::string> readClassCharacter();

  std::string_view pattern;
  size_t at = 0;
  std::string out;
};

void Translator::readTerm() {
  size_t begin = at;
  switch (peek()) {
  case '|':
  case '^':
  case '$':
    out += pattern[at++];
    return; // nothing that could be repeated
  case '(':
    readGroup();
    return;
  case '[':
    readClass();
    break;
  case '\\': {
    Escape escape = readEscape();
    out += !escape.isClass ? escape.text : (escape.negated ? "[^" : "[") + escape.text + "]";
    break;
  }
  case '?':
  case '*':
  case '+':
  case '{':
    fail(begin, "it repeats nothing; a character is written with a backslash");
  case ']':
  case '}':
    fail(begin, "it closes nothing; a character is written with a backslash");
  default:
    // A character, a dot or a closing bracket; other bytes of the character follow as such.
    do
      out += pattern[at++];
    while ((peek() & 0xc0) == 0x80);
  }
  readQuantifier();
}

void Translator::readGroup() {
  size_t begin = at;
  for (std::string_view opening : {"(?:", "(?i:", "(?>", "(?=", "(?!", "(?<=", "(?<!"})
    if (take(opening)) {
      out += opening;
      return;
    }
  ++at;
  if (peek() == '?' || peek() == '*')
    fail(begin, "expected one of (?: (?i: (?> (?= (?! (?<= (?<!");
  out += "(?:"; // nobody asks for what a group has matched
}

/// The engines disagree on what follows an interval ("{2}+" is a repetition of a repetition for
/// Oniguruma), and on a quantifier after a quantifier.
void Translator::readQuantifier() {
  size_t begin = at;
  if (peek() == '{') {
    readInterval();
  } else if (peek() == '?' || peek() == '*' || peek() == '+') {
    out += pattern[at++];
    if (peek() == '?' || peek() == '+')
      out += pattern[at++];
  } else {
    return;
  }
  if (peek() == '?' || peek() == '*' || peek() == '+' || peek() == '{')
    fail(begin, "a repetition of a repetition; put the inner one into (?:...)");
}

void Translator::readInterval() {
  size_t begin = at++;
  auto skipDigits = [&] {
    size_t first = at;
    while (isDigit(peek()))
      ++at;
    return at - first;
  };
  bool valid = skipDigits() > 0;
  if (valid && take(","))
    skipDigits();
  if (!valid || !take("}"))
    fail(begin, "expected an interval as {1}, {1,} or {1,3}; a character is written '\\{'");
  out += pattern.substr(begin, at - begin);
}

std::string Translator::readHex(size_t most) {
  size_t first = at;
  while (at - first < most && isHexDigit(peek()))
    ++at;
  return std::string(pattern.substr(first, at - first));
}

Translator::Escape Translator::readEscape() {
  size_t begin = at++;
  char kind = peek();
  ++at;
  switch (kind) {
  case 'n':
  case 'r':
  case 't':
  case 'f':
    return {std::string("\\") + kind};
  case 'x':
  case 'u': {
    bool braces = kind == 'x' && take("{");
    size_t digits = kind == 'u' ? 4 : 2;
    std::string code = readHex(braces ? 6 : digits);
    // Two digits are a byte; from 0x80 on it is only a part of a character.
    bool valid = braces ? !code.empty() && take("}") : code.size() == digits;
    if (!valid || (kind == 'x' && !braces && code[0] > '7'))
      fail(begin, "expected hexadecimal digits as in '\\x41', '\\x{1F600}' or '\\u0041'");
    return {"\\x{" + code + "}"};
  }
  case 's':
  case 'S':
    return {spaceClass, true, kind == 'S'};
  case 'd':
  case 'D':
    return {"\\p{Nd}", true, kind == 'D'};
  case 'p':
  case 'P':
    return readProperty(kind == 'P');
  default:
    if (!isPunctuation(kind))
      fail(begin, "expected one of \\n \\r \\t \\f \\x \\u \\s \\S \\d \\D \\p{..} \\P{..} or "
                  "punctuation after the backslash");
    return {std::string("\\") + kind};
  }
}

Translator::Escape Translator::readProperty(bool negated) {
  // The general categories of Unicode.
  constexpr std::string_view categories[] = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc",
                                             "Me", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Ps",
                                             "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk", "So",
                                             "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Co", "Cn"};
  size_t begin = at - 2;
  bool open = take("{");
  negated ^= take("^");
  size_t end = std::min(pattern.find('}', at), pattern.size());
  std::string_view name = pattern.substr(at, end - at);
  if (!open || end == pattern.size() || std::ranges::find(categories, name) == std::end(categories))
    fail(begin, "expected a general category of Unicode, as \\p{L} or \\p{Lu}");
  at = end + 1;
  if (name == "L")
    return {letterClass, true, negated};
  if (name == "N")
    return {numberClass, true, negated};
  return {"\\p{" + std::string(name) + "}", true, negated};
}

/// A character of a class, as PCRE2 reads it everywhere in a class. nullopt if a class like \s was
/// read instead, which then is in `out`.
std::optional<std::string> Translator::readClassCharacter() {
  size_t begin = at;
  if (peek() == '\\') {
    Escape escape = readEscape();
    if (!escape.isClass)
      return escape.text;
    if (escape.negated)
      fail(begin, "a negated class inside of [...]");
    out += escape.text;
    return std::nullopt;
  }
  if (peek() == '[')
    fail(begin, "a class inside of a class; a character is written '\\['");
  if (pattern.substr(at).starts_with("&&"))
    fail(begin, "an intersection of classes; a character is written '\\&'");
  std::string character(isPunctuation(peek()) ? "\\" : "");
  do
    character += pattern[at++];
  while ((peek() & 0xc0) == 0x80);
  return character;
}

void Translator::readClass() {
  size_t begin = at++;
  bool negated = take("^");
  out += negated ? "[^" : "[";
  if (peek() == ']')
    fail(begin, "an empty class; a character is written '\\]'");
  while (!take("]")) {
    if (at == pattern.size())
      fail(begin, "it has no closing bracket");
    std::optional<std::string> first = readClassCharacter();
    if (!first)
      continue;
    out += *first;
    if (peek() != '-' || peek(1) == ']' || peek(1) == '\0')
      continue;
    size_t range = at++;
    out += '-';
    std::optional<std::string> last = readClassCharacter();
    if (!last)
      fail(range, "the range does not end with a character");
    out += *last;
  }
  out += ']';
}

} // namespace

std::string translateSplitPattern(std::string_view pattern) {
  if (size_t bad = checkText(pattern, NulBytes::Refused); bad != std::string_view::npos)
    throw Failure(NYALA_UNSUPPORTED, describeBadText(pattern, bad));
  return Translator(pattern).run();
}

} // namespace nyala::rt
