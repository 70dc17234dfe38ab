#include "tools/run-support/KvSharing.h"

#include <CLI/CLI.hpp>

namespace nyala {

static int64_t parseNumber(const std::string &text) {
  int64_t number = 0;
  if (!CLI::detail::integral_conversion(text, number))
    throw CLI::ValidationError("--share-kv", "'" + text + "' is not a number");
  return number;
}

KvSharing parseKvSharing(const std::string &text) {
  constexpr std::string_view map = "map:", search = "search:";
  KvSharing sharing;
  if (text.starts_with(search))
    sharing.search = parseNumber(text.substr(search.size()));
  else if (text.starts_with(map))
    for (const std::string &entry : CLI::detail::split(text.substr(map.size()), ','))
      sharing.map.push_back(parseNumber(entry));
  else
    sharing.factor = parseNumber(text);
  return sharing;
}

} // namespace nyala
