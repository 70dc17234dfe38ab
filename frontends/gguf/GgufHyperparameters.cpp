#include "frontends/gguf/GgufHyperparameters.h"

using namespace nyala::gguf;

bool GgufHyperparameters::isOff(const std::string &key) const {
  auto entry = file.getMetadata().find(key);
  if (entry == file.getMetadata().end())
    return true;
  return std::visit(
      [](const auto &value) {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>)
          return value == 0;
        else
          return value.empty();
      },
      entry->second);
}

std::vector<std::string> GgufHyperparameters::getKeys() const {
  std::vector<std::string> keys;
  for (auto entry = file.getMetadata().lower_bound(prefix);
       entry != file.getMetadata().end() && entry->first.starts_with(prefix); ++entry)
    keys.push_back(entry->first);
  return keys;
}
