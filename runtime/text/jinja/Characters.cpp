//===- Characters.cpp - Characters of template strings --------------------===//

#include "runtime/text/jinja/Characters.h"

#include "runtime/text/jinja/Problem.h"

#include <cstdint>
#include <cstdio>

namespace nyala::rt::jinja {
namespace {

struct Range {
  char32_t first, last;
};

// Blocks without upper and lower case, all of whose assigned characters are printable apart from
// the format characters in `unprintable`. From the Unicode 14 block list (Python 3.11's database).
constexpr Range caseless[] = {
    {0x05D0, 0x05EA},   // Hebrew letters
    {0x0620, 0x06DC},   // Arabic
    {0x0904, 0x0939},   // Devanagari letters
    {0x0E01, 0x0E3A},   // Thai
    {0x2000, 0x2064},   // spaces, dashes, quotation marks, joiners
    {0x20A0, 0x20C0},   // currency
    {0x2190, 0x2426},   // arrows, mathematical and technical symbols
    {0x2500, 0x2B73},   // box drawing, geometric shapes, dingbats
    {0x3001, 0x303F},   // CJK punctuation
    {0x3041, 0x3096},   // Hiragana
    {0x309B, 0x30FF},   // Katakana
    {0x3400, 0xA48C},   // CJK ideographs, Yi
    {0xAC00, 0xD7A3},   // Hangul
    {0xFE00, 0xFE0F},   // variation selectors
    {0xFF01, 0xFF20},   // full-width punctuation and digits
    {0x1F300, 0x1F6D7}, // pictographs
    {0x1F90C, 0x1F9FF}, // supplemental pictographs
    {0x20000, 0x2A6DF}, // CJK extension B
};

// Blocks with case, all printable.
constexpr Range printableCased[] = {
    {0x00A1, 0x00AC},
    {0x00AE, 0x0377},
    {0x0400, 0x052F},
};

constexpr Range unprintable[] = {
    {0x00, 0x1F},       {0x7F, 0xA0},       {0xAD, 0xAD},         {0x1680, 0x1680},
    {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},     {0x3000, 0x3000},
    {0xE000, 0xF8FF},   {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},     {0xFFFE, 0xFFFF},
    {0xE0000, 0xE007F}, {0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD},
};

template <size_t Count> bool isIn(const Range (&ranges)[Count], char32_t character) {
  for (Range range : ranges)
    if (character >= range.first && character <= range.last)
      return true;
  return false;
}

std::string name(char32_t character) {
  char text[16];
  std::snprintf(text, sizeof text, "U+%04X", static_cast<unsigned>(character));
  return text;
}

bool isLower(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 0xDF && c <= 0xFE && c != 0xF7); }
bool isUpper(char32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7); }

/// Letters of ASCII and Latin-1 in either case. Cased letters beyond them are refused, as are those
/// of Latin-1 whose other case is elsewhere (sharp s, micro sign) or that are ordinal indicators.
char32_t toCase(char32_t c, bool upper) {
  bool known =
      c < 0x80 || (c >= 0xA0 && c <= 0xFE && c != 0xAA && c != 0xB5 && c != 0xBA && c != 0xDF);
  if (!known && !isIn(caseless, c))
    unsupported("changing the case of the character " + name(c) + " is not supported");
  if (upper)
    return isLower(c) ? c - 0x20 : c;
  return isUpper(c) ? c + 0x20 : c;
}

} // namespace

char32_t nextCharacter(std::string_view text, size_t &offset) {
  auto byte = [&](size_t index) { return static_cast<uint8_t>(text[offset + index]); };
  uint8_t lead = byte(0);
  size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t character = length == 1 ? lead : lead & (0xFF >> (length + 1));
  for (size_t index = 1; index != length; ++index)
    character = character << 6 | (byte(index) & 0x3F);
  offset += length;
  return character;
}

std::string_view characterAt(std::string_view text, size_t offset) {
  size_t end = offset;
  nextCharacter(text, end);
  return text.substr(offset, end - offset);
}

void appendCharacter(std::string &text, char32_t character) {
  if (character < 0x80) {
    text += static_cast<char>(character);
    return;
  }
  int trailing = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  constexpr unsigned leads[] = {0, 0xC0, 0xE0, 0xF0};
  text += static_cast<char>(leads[trailing] | character >> (6 * trailing));
  while (trailing-- != 0)
    text += static_cast<char>(0x80 | (character >> (6 * trailing) & 0x3F));
}

size_t countCharacters(std::string_view text) {
  size_t count = 0;
  for (char byte : text)
    count += (static_cast<uint8_t>(byte) & 0xC0) != 0x80;
  return count;
}

size_t offsetOfCharacter(std::string_view text, size_t index) {
  size_t offset = 0;
  while (index-- != 0)
    nextCharacter(text, offset);
  return offset;
}

bool isSpace(char32_t c) {
  if (c < 0x80)
    return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool isAllSpace(std::string_view text) {
  return strip(text, /*left=*/true, /*right=*/false).empty();
}

std::string_view strip(std::string_view text, bool left, bool right,
                       std::optional<std::string_view> characters) {
  auto goes = [&](std::string_view character) {
    if (characters)
      return characters->find(character) != std::string_view::npos;
    size_t offset = 0;
    return isSpace(nextCharacter(character, offset));
  };
  while (left && !text.empty()) {
    std::string_view character = characterAt(text, 0);
    if (!goes(character))
      break;
    text.remove_prefix(character.size());
  }
  while (right && !text.empty()) {
    size_t start = text.size() - 1;
    while ((static_cast<uint8_t>(text[start]) & 0xC0) == 0x80)
      --start;
    if (!goes(text.substr(start)))
      break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::vector<std::string_view> splitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t offset = 0; offset != text.size();) {
    size_t end = offset;
    char32_t c = nextCharacter(text, offset);
    if (!((c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
          c == 0x2029))
      continue;
    if (c == '\r' && offset != text.size() && text[offset] == '\n')
      ++offset;
    lines.push_back(text.substr(start, end - start));
    start = offset;
  }
  if (start != text.size())
    lines.push_back(text.substr(start));
  return lines;
}

std::string changeCase(std::string_view text, Case to) {
  std::string result;
  result.reserve(text.size());
  bool inWord = false;
  for (size_t offset = 0; offset != text.size();) {
    char32_t c = nextCharacter(text, offset);
    bool upper = to == Case::Upper || ((to == Case::Capitalized || to == Case::Titled) && !inWord);
    appendCharacter(result, toCase(c, upper));
    inWord = to == Case::Capitalized || isLower(c) || isUpper(c);
  }
  return result;
}

std::string titleWords(std::string_view text) {
  std::string result;
  constexpr std::string_view marks = "-({[<";
  auto divides = [&](size_t offset) {
    bool isMark = marks.find(text[offset]) != std::string_view::npos;
    return isMark || isSpace(nextCharacter(text, offset));
  };
  for (size_t start = 0; start != text.size();) {
    size_t end = start;
    bool isDivider = divides(start);
    while (end != text.size() && divides(end) == isDivider)
      nextCharacter(text, end);
    std::string_view part = text.substr(start, end - start);
    result += isDivider ? std::string(part) : changeCase(part, Case::Capitalized);
    start = end;
  }
  return result;
}

bool isPrintable(char32_t c) {
  if (c >= 0x20 && c < 0x7F)
    return true;
  if (isIn(unprintable, c))
    return false;
  if (isIn(caseless, c) || isIn(printableCased, c))
    return true;
  unsupported("printing the character " + name(c) + " inside a list or dict is not supported");
}

} // namespace nyala::rt::jinja
