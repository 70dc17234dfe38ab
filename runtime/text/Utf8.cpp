#include "runtime/text/Utf8.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace nyala::rt {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

enum class Form { Whole, Incomplete, Invalid };

struct Sequence {
  Form form;
  size_t length; ///< bytes of the character, or of the maximal subpart to replace
};

/// Classifies the sequence that starts `text`, which is not empty.
Sequence readSequence(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80)
    return {Form::Whole, 1};
  // The second byte's range depends on the lead; that is what rules out overlong forms, surrogates
  // and values above U+10FFFF.
  size_t length = 0;
  uint8_t low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    low = lead == 0xE0 ? 0xA0 : 0x80;
    high = lead == 0xED ? 0x9F : 0xBF;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    low = lead == 0xF0 ? 0x90 : 0x80;
    high = lead == 0xF4 ? 0x8F : 0xBF;
  } else {
    return {Form::Invalid, 1};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size())
      return {Form::Incomplete, i};
    if (byte(i) < low || byte(i) > high)
      return {Form::Invalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Form::Whole, length};
}

/// Length of the run of bytes 0x01..0x7F at `offset`, in steps of 8: plain ASCII is most of text.
size_t skipAscii(std::string_view text, size_t offset) {
  size_t begin = offset;
  for (; text.size() - offset >= 8; offset += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + offset, 8);
    // A byte is 0 or has its top bit set exactly where this is not 0 (borrows only make a byte
    // beside a 0 look special, and then the run ends anyway).
    if (((word - 0x0101010101010101u) | word) & 0x8080808080808080u)
      break;
  }
  return offset - begin;
}

} // namespace

size_t checkText(std::string_view text, NulBytes nulBytes) {
  size_t offset = 0;
  while (offset < text.size()) {
    offset += skipAscii(text, offset);
    if (offset == text.size())
      break;
    if (text[offset] == '\0' && nulBytes == NulBytes::Refused)
      return offset;
    Sequence sequence = readSequence(text.substr(offset));
    if (sequence.form != Form::Whole)
      return offset;
    offset += sequence.length;
  }
  return std::string_view::npos;
}

std::string describeBadText(std::string_view text, size_t offset) {
  uint8_t byte = text[offset];
  std::string where = "at byte offset " + std::to_string(offset);
  if (byte == 0)
    return "text has a NUL byte " + where + ": remove it";
  char hex[8];
  std::snprintf(hex, sizeof hex, "0x%02X", byte);
  return "text is not valid UTF-8: the first bad byte is " + std::string(hex) + " " + where +
         "; convert the text to UTF-8";
}

void Utf8Stream::append(std::string_view bytes, std::string &out) {
  held += bytes;
  std::string_view rest = held;
  while (!rest.empty()) {
    Sequence sequence = readSequence(rest);
    if (sequence.form == Form::Incomplete)
      break;
    out += sequence.form == Form::Whole ? rest.substr(0, sequence.length) : replacement;
    rest.remove_prefix(sequence.length);
  }
  held.erase(0, held.size() - rest.size());
}

void Utf8Stream::flush(std::string &out) {
  if (!held.empty())
    out += replacement;
  held.clear();
}

} // namespace nyala::rt
