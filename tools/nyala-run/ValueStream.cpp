//===- ValueStream.cpp - Values as their references close -----------------===//

#include "tools/nyala-run/ValueStream.h"
#include "runtime/core/Status.h"

#include <algorithm>

using namespace nyala::rt::grounding;

namespace nyala {

std::string ValueStream::append(std::string_view piece) {
  held += piece;
  std::string shown;
  size_t at = 0;
  for (;;) {
    const size_t open = held.find("{{", at);
    if (open == std::string::npos) {
      const size_t end = held.size() - (held.ends_with('{') ? 1 : 0);
      shown += held.substr(at, std::max(at, end) - at);
      at = std::max(at, end);
      break;
    }
    shown += held.substr(at, open - at);
    at = open;
    // A key may hold braces, too: what does not parse yet is not closed.
    if (held.find("}}", open) == std::string::npos)
      break;
    size_t end = open;
    try {
      const Reference reference = parseReference(held, end);
      shown += evaluate(data, reference).shown;
    } catch (const rt::Failure &) {
      break;
    }
    at = end;
  }
  held.erase(0, at);
  return shown;
}

std::string ValueStream::flush() {
  std::string rest = held.starts_with("{{") ? "" : held;
  held.clear();
  return rest;
}

} // namespace nyala
