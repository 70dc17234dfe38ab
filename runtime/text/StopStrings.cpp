#include "runtime/text/StopStrings.h"

#include "runtime/core/Status.h"

#include <algorithm>

namespace nyala::rt {

StopStrings::StopStrings(const std::vector<std::string> &strings) {
  for (const std::string &text : strings) {
    if (text.empty())
      throw Failure(NYALA_INVALID_ARGUMENT,
                    "a stop string is empty: give at least one character, or none at all");
    Pattern pattern{text, std::vector<size_t>(text.size() + 1, 0), 0};
    for (size_t end = 1, border = 0; end < text.size(); ++end) {
      while (border > 0 && text[border] != text[end])
        border = pattern.fallback[border];
      if (text[border] == text[end])
        ++border;
      pattern.fallback[end + 1] = border;
    }
    patterns.push_back(std::move(pattern));
  }
}

bool StopStrings::feed(std::string_view text, std::string &out) {
  if (stopped)
    return true;
  for (char byte : text) {
    held += byte;
    size_t longest = 0, complete = 0;
    for (Pattern &pattern : patterns) {
      while (pattern.matched > 0 && pattern.text[pattern.matched] != byte)
        pattern.matched = pattern.fallback[pattern.matched];
      if (pattern.text[pattern.matched] == byte)
        ++pattern.matched;
      longest = std::max(longest, pattern.matched);
      if (pattern.matched == pattern.text.size())
        complete = std::max(complete, pattern.matched);
    }
    size_t keep = complete > 0 ? complete : longest;
    out.append(held, 0, held.size() - keep);
    held.erase(0, held.size() - keep);
    if (complete > 0) {
      held.clear();
      stopped = true;
      return true;
    }
  }
  return false;
}

void StopStrings::flush(std::string &out) {
  out += held;
  reset();
}

void StopStrings::reset() {
  held.clear();
  stopped = false;
  for (Pattern &pattern : patterns)
    pattern.matched = 0;
}

} // namespace nyala::rt
