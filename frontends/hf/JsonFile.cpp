#include "frontends/hf/JsonFile.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"

#include <set>

using namespace nyala;
using nlohmann::json;

json hf::readJsonFile(const std::string &path, size_t maxBytes) {
  constexpr size_t maxDepth = 64;
  MappedFile file(path);
  auto fail = [&](const std::string &message) { throw Error(path + ": " + message); };
  if (file.bytes().empty())
    fail("the file is empty, expected JSON");
  if (file.bytes().size() > maxBytes)
    fail("the file has " + std::to_string(file.bytes().size()) + " bytes, expected at most " +
         std::to_string(maxBytes));

  std::vector<std::set<std::string>> open; // keys of each array (none) and object around
  auto check = [&](int, json::parse_event_t event, json &value) {
    switch (event) {
    case json::parse_event_t::object_start:
    case json::parse_event_t::array_start:
      if (open.size() == maxDepth)
        fail("is nested deeper than " + std::to_string(maxDepth) + " arrays and objects");
      open.emplace_back();
      break;
    case json::parse_event_t::object_end:
    case json::parse_event_t::array_end:
      open.pop_back();
      break;
    case json::parse_event_t::key:
      if (const auto &name = value.get_ref<const std::string &>(); !open.back().insert(name).second)
        fail("the key " + quote(name) + " comes twice in an object");
      break;
    case json::parse_event_t::value:
      break;
    }
    return true;
  };
  json parsed;
  try {
    parsed = json::parse(file.bytes().begin(), file.bytes().end(), check);
  } catch (const json::parse_error &error) {
    fail("is not valid JSON at byte " + std::to_string(error.byte));
  } catch (const json::exception &) {
    fail("is not valid JSON: it has a number out of range");
  }
  if (!parsed.is_object())
    fail(std::string("is JSON of ") + parsed.type_name() + ", expected an object");
  return parsed;
}
