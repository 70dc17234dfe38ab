//===- Status.cpp - Failures inside the runtime ---------------------------===//

#include "runtime/core/Status.h"

#include <cctype>
#include <cstring>

namespace nyala::rt {

uint32_t chooseOption(uint32_t asked, uint32_t standard, uint32_t maximum, const char *what) {
  if (asked > maximum)
    throw Failure(NYALA_INVALID_ARGUMENT,
                  std::string(what) + ": expected 1 to " + std::to_string(maximum) + ", or 0 for " +
                      std::to_string(standard) + "; got " + std::to_string(asked));
  return asked == 0 ? standard : asked;
}

std::string describeError(int error) {
  std::string text = std::strerror(error);
  text[0] = static_cast<char>(std::tolower(text[0]));
  return text;
}

} // namespace nyala::rt
