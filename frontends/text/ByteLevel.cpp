#include "frontends/text/ByteLevel.h"

#include <array>
#include <cstdint>

namespace nyala {

/// The byte of each character of the alphabet, -1 for others.
static std::array<int16_t, 0x144> makeBytesOfCharacters() {
  std::array<int16_t, 0x144> bytes;
  bytes.fill(-1);
  uint16_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    bytes[printable ? byte : next++] = static_cast<int16_t>(byte);
  }
  return bytes;
}

std::string decodeByteLevel(std::string_view text) {
  static const std::array<int16_t, 0x144> byteOf = makeBytesOfCharacters();
  std::string bytes;
  bytes.reserve(text.size());
  // All of the alphabet's characters have one or two bytes in UTF-8.
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t character = static_cast<uint8_t>(text[i]);
    if (character >= 0x80) {
      if (character < 0xc2 || character > 0xdf || i + 1 == text.size() ||
          (static_cast<uint8_t>(text[i + 1]) & 0xc0) != 0x80)
        return std::string(text);
      character = (character & 0x1f) << 6 | (static_cast<uint8_t>(text[++i]) & 0x3f);
    }
    if (character >= byteOf.size() || byteOf[character] < 0)
      return std::string(text);
    bytes += static_cast<char>(byteOf[character]);
  }
  return bytes;
}

std::string encodeByteLevel(std::string_view bytes) {
  static const std::array<int16_t, 0x144> byteOf = makeBytesOfCharacters();
  static const std::array<uint16_t, 256> characterOf = [] {
    std::array<uint16_t, 256> characters{};
    for (size_t character = 0; character < byteOf.size(); ++character)
      if (byteOf[character] >= 0)
        characters[byteOf[character]] = static_cast<uint16_t>(character);
    return characters;
  }();
  std::string text;
  for (char byte : bytes) {
    uint16_t character = characterOf[static_cast<uint8_t>(byte)];
    if (character < 0x80) {
      text += static_cast<char>(character);
      continue;
    }
    text += static_cast<char>(0xc0 | character >> 6);
    text += static_cast<char>(0x80 | (character & 0x3f));
  }
  return text;
}

} // namespace nyala
