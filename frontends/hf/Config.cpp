#include "frontends/hf/Config.h"
#include "ir/storage/Error.h"

using namespace nyala;
using namespace nyala::hf;
using nlohmann::json;

const json *Config::find(const std::string &key) const {
  auto found = object.find(key.substr(prefix.size()));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

void Config::failType(const std::string &key, const json &value,
                      const std::string &expected) const {
  std::string actual = value.is_number_integer() ? std::to_string(value.get<int64_t>())
                       : value.is_number()       ? "a fraction"
                       : value.is_string()       ? quote(value.get_ref<const std::string &>())
                       : value.is_boolean()      ? (value.get<bool>() ? "true" : "false")
                       : value.is_array()        ? "an array"
                                                 : "an object";
  fail(std::string_view(key).substr(prefix.size()), "is " + actual + ", expected " + expected);
}

const json *Config::find(const std::string &key, bool (json::*isType)() const noexcept,
                         const std::string &expected) const {
  const json *value = find(key);
  if (value && !(value->*isType)())
    failType(key, *value, expected);
  return value;
}

std::optional<uint64_t> Config::findInteger(const std::string &key) const {
  const json *value = find(key, &json::is_number_unsigned, "a whole number from 0 up");
  return value ? std::optional(value->get<uint64_t>()) : std::nullopt;
}

std::optional<double> Config::findFloat(const std::string &key) const {
  const json *value = find(key, &json::is_number, "a number");
  return value ? std::optional(value->get<double>()) : std::nullopt;
}

std::optional<bool> Config::findBool(const std::string &key) const {
  const json *value = find(key, &json::is_boolean, "true or false");
  return value ? std::optional(value->get<bool>()) : std::nullopt;
}

std::optional<std::string_view> Config::findString(const std::string &key) const {
  const json *value = find(key, &json::is_string, "a text");
  return value ? std::optional<std::string_view>(value->get_ref<const std::string &>())
               : std::nullopt;
}

bool Config::isOff(const std::string &key) const {
  const json *value = find(key);
  if (!value)
    return true;
  if (value->is_string())
    return value->get_ref<const std::string &>().empty();
  return value->is_number() ? value->get<double>() == 0 : value->empty() || *value == false;
}

std::vector<std::string> Config::getKeys() const {
  std::vector<std::string> keys;
  for (const auto &[name, value] : object.items())
    if (!value.is_null())
      keys.push_back(prefix + name);
  return keys;
}

std::optional<Config> Config::getObject(std::string_view name) {
  const json *value = find(read(name));
  if (!value || value->empty())
    return std::nullopt;
  if (!value->is_object())
    failType(getKey(name), *value, "an object");
  return Config(*value, path, getKey(name) + ".");
}

std::vector<std::string> Config::getStrings(std::string_view name) {
  std::vector<std::string> texts;
  const json *value = find(read(name));
  if (!value)
    return texts;
  if (!value->is_array())
    failType(getKey(name), *value, "an array of texts");
  for (const json &text : *value) {
    if (!text.is_string())
      fail(name, "holds something else than texts, expected an array of texts");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::vector<int64_t> Config::getIndices(std::string_view name) {
  const json *value = find(read(name), &json::is_array, "an array of whole numbers");
  if (!value)
    fail(name, "is missing, expected an array of whole numbers");
  std::vector<int64_t> indices;
  for (const json &index : *value) {
    if (!index.is_number_unsigned() || index.get<uint64_t>() > INT32_MAX)
      fail(name, "holds something else than whole numbers from 0 up");
    indices.push_back(index.get<int64_t>());
  }
  return indices;
}

void Config::refuseAbove(std::string_view name, int64_t most, const std::string &feature) {
  if (std::optional<double> value = findFloat(read(name)); value && *value > double(most))
    fail(name, "asks for " + feature + ", which is not supported");
}
