#include "ir/storage/Error.h"

#include <cstddef>

namespace nyala {

std::string quote(std::string_view text) {
  constexpr size_t maxBytes = 100;
  static constexpr char digits[] = "0123456789abcdef";
  std::string quoted = "'";
  for (char c : text.substr(0, maxBytes)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\'' && c != '\\') {
      quoted += c;
    } else if (c == '\'' || c == '\\') {
      quoted += {'\\', c};
    } else {
      quoted += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  quoted += text.size() > maxBytes ? "'..." : "'";
  return quoted;
}

} // namespace nyala
