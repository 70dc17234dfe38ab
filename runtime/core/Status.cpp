//===- Status.cpp - Failures inside the runtime ---------------------------===//

#include "runtime/core/Status.h"

#include <cctype>
#include <cstring>

namespace nyala::rt {

std::string describeError(int error) {
  std::string text = std::strerror(error);
  text[0] = static_cast<char>(std::tolower(text[0]));
  return text;
}

} // namespace nyala::rt
