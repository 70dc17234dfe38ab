#include "tools/nyala-interpret/Values.h"

#include "ir/reference/Interpreter.h"
#include "ir/storage/Error.h"

#include "llvm/ADT/StringExtras.h"

#include <fstream>
#include <nlohmann/json.hpp>

using namespace nyala;
using namespace nyala::interpret;

/// Deeper nested arrays are no tensor of nyala.
static constexpr size_t kMaxRank = 8;

/// Appends the numbers of nested arrays; the first array seen at each depth fixes its size.
static void flatten(const nlohmann::json &json, size_t depth, const std::string &name,
                    GivenValue &value) {
  if (json.is_number()) {
    if (depth != value.shape.size())
      throw Error("input " + quote(name) + " has arrays of unequal depth");
    value.numbers.push_back(json.get<double>());
    return;
  }
  if (!json.is_array() || depth == kMaxRank)
    throw Error("input " + quote(name) + ": expected arrays of numbers, at most " +
                std::to_string(kMaxRank) + " deep");
  auto size = static_cast<int64_t>(json.size());
  if (depth == value.shape.size()) {
    if (!value.numbers.empty())
      throw Error("input " + quote(name) + " has arrays of unequal depth");
    value.shape.push_back(size);
  }
  if (value.shape[depth] != size)
    throw Error("input " + quote(name) + ": expected arrays of " +
                std::to_string(value.shape[depth]) + " elements, got one of " +
                std::to_string(size));
  for (const nlohmann::json &element : json)
    flatten(element, depth + 1, name, value);
}

static nlohmann::json parseJson(const std::string &name, llvm::StringRef text) {
  try {
    if (text.starts_with("[") || text.starts_with("{"))
      return nlohmann::json::parse(text.begin(), text.end());
    // A list of numbers is an array without its brackets; anything else names a file.
    if (text.find_first_not_of("0123456789+-.eE, ") == llvm::StringRef::npos)
      return nlohmann::json::parse("[" + text.str() + "]");
    std::ifstream file(text.str());
    if (!file)
      throw Error("input " + quote(name) + ": cannot open " + quote(text.str()));
    return nlohmann::json::parse(file);
  } catch (const nlohmann::json::exception &) {
    throw Error("input " + quote(name) + ": expected numbers, JSON arrays or a file of JSON, got " +
                quote(text.str()));
  }
}

std::map<std::string, GivenValue> interpret::parseInputs(llvm::ArrayRef<std::string> inputs) {
  std::map<std::string, GivenValue> result;
  for (const std::string &input : inputs) {
    auto [name, text] = llvm::StringRef(input).split('=');
    if (name.empty() || text.empty())
      throw Error("--input: expected NAME=VALUES, got " + quote(input));
    GivenValue value;
    flatten(parseJson(name.str(), text), 0, name.str(), value);
    if (!result.emplace(name.str(), std::move(value)).second)
      throw Error("input " + quote(name.str()) + " is given twice");
  }
  return result;
}

std::map<std::string, int64_t> interpret::parseDims(llvm::ArrayRef<std::string> dims) {
  std::map<std::string, int64_t> result;
  for (const std::string &list : dims)
    for (llvm::StringRef dim : llvm::split(list, ',')) {
      auto [name, text] = dim.split('=');
      int64_t size;
      if (name.empty() || text.getAsInteger(10, size) || size < 0 || size > reference::kMaxElements)
        throw Error("--dim: expected NAME=SIZE with a size of 0.." +
                    std::to_string(reference::kMaxElements) + ", got " + quote(dim.str()));
      result[name.str()] = size;
    }
  return result;
}
