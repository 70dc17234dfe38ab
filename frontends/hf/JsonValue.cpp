#include "frontends/hf/JsonValue.h"
#include "ir/storage/MappedFile.h"

#include <algorithm>
#include <set>
#include <vector>

using nlohmann::json;

namespace nyala::hf {

void JsonValue::fail(const std::string &message) const {
  throw Error(*file + ": " + (path.empty() ? "" : path + ": ") + message);
}

void JsonValue::failExpected(const std::string &what) const {
  std::string got;
  if (isString())
    got = quote(asString());
  else if (isObject())
    got = "an object";
  else if (isArray())
    got = "an array";
  else
    got = value->dump();
  fail("expected " + what + ", got " + got);
}

const std::string &JsonValue::asString() const {
  if (!isString())
    failExpected("a string");
  return value->get_ref<const std::string &>();
}

bool JsonValue::asBool() const {
  if (!value->is_boolean())
    failExpected("true or false");
  return value->get<bool>();
}

uint64_t JsonValue::asInteger(uint64_t limit) const {
  // What is not negative is unsigned after parsing.
  if (!value->is_number_unsigned() || value->get<uint64_t>() >= limit)
    failExpected("an integer from 0 to " + std::to_string(limit - 1));
  return value->get<uint64_t>();
}

double JsonValue::asNumber() const {
  if (!value->is_number())
    failExpected("a number");
  return value->get<double>();
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  if (!isObject())
    failExpected("an object");
  auto found = value->find(key);
  if (found == value->end() || found->is_null())
    return std::nullopt;
  return JsonValue(*file, (path.empty() ? "" : path + ".") + std::string(key), *found);
}

JsonValue JsonValue::get(std::string_view key) const {
  std::optional<JsonValue> member = find(key);
  if (!member)
    fail("'" + std::string(key) + "' is missing");
  return *member;
}

size_t JsonValue::size() const {
  if (!isArray() && !isObject())
    failExpected("an array or an object");
  return value->size();
}

JsonValue JsonValue::at(size_t index) const {
  if (!isArray())
    failExpected("an array");
  return {*file, path + "[" + std::to_string(index) + "]", value->at(index)};
}

/// The place of a byte as editors show it.
static std::string describePlace(std::string_view text, size_t byte) {
  std::string_view before = text.substr(0, byte);
  size_t line = 1 + std::ranges::count(before, '\n');
  size_t column = byte - (before.rfind('\n') + 1); // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(column + 1);
}

json parseJson(const std::string &path, std::string_view text, size_t maxBytes) {
  constexpr int maxDepth = 64;
  if (text.empty())
    throw Error(path + ": the file is empty, expected JSON");
  if (text.size() > maxBytes)
    throw Error(path + ": " + std::to_string(text.size()) + " bytes, expected at most " +
                std::to_string(maxBytes));
  // The library itself keeps the last of several members with one key.
  std::vector<std::set<std::string, std::less<>>> keys; // of the objects that are open
  auto check = [&](int depth, json::parse_event_t event, json &parsed) {
    bool starts =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (starts && depth >= maxDepth)
      throw Error(path + ": nested deeper than " + std::to_string(maxDepth) + " levels");
    if (event == json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == json::parse_event_t::key &&
             !keys.back().insert(parsed.get_ref<const std::string &>()).second)
      throw Error(path + ": the key " + quote(parsed.get_ref<const std::string &>()) +
                  " is there twice in an object");
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::parse_error &error) {
    size_t byte = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
    size_t begin = byte - std::min<size_t>(byte, 20);
    throw Error(path + ": not JSON: cannot be read from " + describePlace(text, byte) +
                " on, after " + quote(text.substr(begin, byte - begin)));
  } catch (const json::exception &) {
    throw Error(path + ": not JSON: a number is out of range");
  }
}

json readJsonFile(const std::string &path, size_t maxBytes) {
  MappedFile file(path);
  std::span<const uint8_t> bytes = file.bytes();
  json parsed =
      parseJson(path, {reinterpret_cast<const char *>(bytes.data()), bytes.size()}, maxBytes);
  if (!parsed.is_object())
    JsonValue(path, "", parsed).failExpected("an object");
  return parsed;
}

} // namespace nyala::hf
