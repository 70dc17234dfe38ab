#include "test/fuzz/JsonMutator.h"

#include <nlohmann/json.hpp>

using nlohmann::json;

namespace nyala::test {
namespace {

void collect(json &value, std::vector<json *> &values) {
  values.push_back(&value);
  if (value.is_structured())
    for (json &part : value)
      collect(part, values);
}

void change(Mutator &mutator, json &value) {
  if (value.is_string()) {
    mutateBytes(value.get_ref<std::string &>());
  } else if (value.is_number_unsigned()) {
    mutator.number(value.get_ref<uint64_t &>());
    mutator.apply();
  } else {
    const json others[] = {nullptr, true, false, 0, -1, 0.5, "", json::array(), json::object()};
    value = others[mutator.pick(std::size(others))];
  }
}

/// Keys of other objects are likely to mean something here, too.
void addPart(Mutator &mutator, json &value, const json &part, const std::vector<json *> &values) {
  if (value.is_array()) {
    value.insert(value.begin() + static_cast<ptrdiff_t>(mutator.pick(value.size() + 1)), part);
  } else if (value.is_object()) {
    const json &other = *values[mutator.pick(values.size())];
    std::string key = "x";
    if (other.is_object() && !other.empty())
      key = std::next(other.begin(), static_cast<ptrdiff_t>(mutator.pick(other.size()))).key();
    else
      mutateBytes(key);
    value[key] = part;
  }
}

void removePart(Mutator &mutator, json &value) {
  if (value.is_structured() && !value.empty())
    value.erase(std::next(value.begin(), static_cast<ptrdiff_t>(mutator.pick(value.size()))));
}

} // namespace

bool mutateJson(Mutator &mutator, std::string &text) {
  json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded())
    return false;
  std::vector<json *> values;
  collect(root, values);
  json &value = *values[mutator.pick(values.size())];
  const json other = *values[mutator.pick(values.size())];
  switch (mutator.pick(5)) {
  case 0:
    value = other;
    break;
  case 1:
    addPart(mutator, value, other, values);
    break;
  case 2:
    removePart(mutator, value);
    break;
  default:
    change(mutator, value);
  }
  text = root.dump(-1, ' ', false, json::error_handler_t::replace);
  return true;
}

} // namespace nyala::test
