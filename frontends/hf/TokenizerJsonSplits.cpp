// The member `pre_tokenizer` of tokenizer.json: patterns that cut text, and the change to the
// byte-level alphabet at the end, which here is none.
#include "frontends/hf/TokenizerJson.h"

#include "runtime/text/PreTokenizer.h"

namespace nyala::hf {
namespace {

constexpr const char *supported =
    "a byte-level tokenizer: ByteLevel, or a Sequence of Split and Digits that ends in ByteLevel";

/// A text as a pattern that matches it alone.
std::string escape(std::string_view text) {
  std::string pattern;
  for (char c : text) {
    bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (c > ' ' && c < 0x7f && !alphanumeric)
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string readSplit(const JsonValue &split) {
  JsonValue behavior = split.get("behavior");
  if (behavior.asString() != "Isolated")
    behavior.failExpected("'Isolated', the only one that is supported");
  if (std::optional<JsonValue> invert = split.find("invert"); invert && invert->asBool())
    invert->failExpected("false, inverted patterns are not supported");
  JsonValue pattern = split.get("pattern");
  if (std::optional<JsonValue> regex = pattern.find("Regex"))
    return regex->asString();
  JsonValue text = pattern.get("String");
  if (text.asString().empty())
    text.fail("expected a text, got an empty one");
  return escape(text.asString());
}

std::string readDigits(const JsonValue &value) {
  std::optional<JsonValue> individual = value.find("individual_digits");
  std::string digit(rt::getPreTokenizerFamily("smollm").splits[0]);
  return individual && individual->asBool() ? digit : digit + "+";
}

/// Appends the patterns of one pre-tokenizer. True if it is ByteLevel, after which nothing may
/// come.
bool addSplits(const JsonValue &value, std::vector<std::string> &splits) {
  const std::string &type = value.get("type").asString();
  if (type == "Split") {
    splits.push_back(readSplit(value));
    return false;
  }
  if (type == "Digits") {
    splits.push_back(readDigits(value));
    return false;
  }
  if (type == "ByteLevel") {
    JsonValue addSpace = value.get("add_prefix_space");
    if (addSpace.asBool())
      addSpace.failExpected("false, putting a space before a text is not supported");
    std::optional<JsonValue> useRegex = value.find("use_regex");
    if (!useRegex || useRegex->asBool())
      splits.emplace_back(rt::getPreTokenizerFamily("gpt-2").splits[0]);
    return true;
  }
  if (type != "Sequence")
    value.get("type").failExpected(supported);

  JsonValue parts = value.get("pretokenizers");
  size_t count = parts.size();
  for (size_t i = 0; i < count; ++i)
    if (addSplits(parts.at(i), splits)) {
      if (i + 1 < count)
        parts.at(i + 1).fail("it comes after ByteLevel, expected ByteLevel to be the last one");
      return true;
    }
  return false;
}

} // namespace

std::vector<std::string> readSplits(const JsonValue &root) {
  std::optional<JsonValue> value = root.find("pre_tokenizer");
  if (!value)
    root.fail(std::string("there is no pre_tokenizer, expected that of ") + supported);
  std::vector<std::string> splits;
  if (!addSplits(*value, splits))
    value->fail(std::string("there is no ByteLevel in it, expected ") + supported);
  return splits;
}

} // namespace nyala::hf
