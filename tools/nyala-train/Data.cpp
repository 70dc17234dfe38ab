#include "tools/nyala-train/Data.h"
#include "frontends/hf/JsonValue.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"
#include "runtime/core/Status.h"
#include "runtime/text/Utf8.h"
#include "tools/nyala-train/Batches.h"
#include "tools/nyala-train/NpyFile.h"

#include <algorithm>
#include <limits>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace nyala::train {
namespace {

std::string_view getText(const MappedFile &file) {
  return {reinterpret_cast<const char *>(file.bytes().data()), file.bytes().size()};
}

size_t countLines(std::string_view text) {
  return static_cast<size_t>(std::ranges::count(text, '\n')) + 1;
}

void readPlain(const MappedFile &file, Data &data) {
  std::string_view text = getText(file);
  if (size_t bad = rt::checkText(text); bad != std::string_view::npos)
    throw Error(data.path + ":" + std::to_string(countLines(text.substr(0, bad))) + ": " +
                rt::describeBadText(text, bad));
  data.documents.push_back({data.path, true, std::string(text), {}});
}

std::vector<int32_t> readIds(const hf::JsonValue &value) {
  std::vector<int32_t> ids;
  size_t count = value.size();
  ids.reserve(count);
  for (size_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>(value.at(i).asInteger(uint64_t{1} << 31)));
  return ids;
}

Document readLine(const std::string &place, std::string_view line) {
  if (size_t bad = rt::checkText(line); bad != std::string_view::npos)
    throw Error(place + ": " + rt::describeBadText(line, bad));
  hf::JsonDocument json(place, line);
  hf::JsonValue root = json.getRoot();
  if (!root.isObject())
    root.failExpected("an object with 'text', 'input_ids' or 'tokens'");
  if (std::optional<hf::JsonValue> text = root.find("text"))
    return {place, true, text->asString(), {}};
  for (const char *name : {"input_ids", "tokens"})
    if (std::optional<hf::JsonValue> ids = root.find(name))
      return {place, false, {}, readIds(*ids)};
  root.fail("has none of the keys 'text', 'input_ids' and 'tokens'");
}

void readLines(const MappedFile &file, Data &data) {
  std::string_view text = getText(file);
  for (size_t number = 1; !text.empty(); ++number) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos)
      data.documents.push_back(readLine(data.path + ":" + std::to_string(number), line));
  }
}

void checkIds(const Document &document, int64_t vocabulary) {
  for (size_t i = 0; i < document.ids.size(); ++i)
    if (document.ids[i] < 0 || document.ids[i] >= vocabulary)
      throw Error(document.place + ": token " + std::to_string(i) + " is " +
                  std::to_string(document.ids[i]) + ", expected 0 to " +
                  std::to_string(vocabulary - 1) + ", the model's vocabulary");
}

} // namespace

bool Data::hasText() const { return std::ranges::any_of(documents, &Document::isText); }

Data readData(const std::string &path) {
  MappedFile file(path);
  if (file.bytes().empty())
    throw Error(path + ": the file is empty, expected text or tokens to train on");
  Data data{path, {}};
  if (path.ends_with(".jsonl"))
    readLines(file, data);
  else if (path.ends_with(".npy"))
    data.documents.push_back({path, false, {}, readNpyIntegers(path, file.bytes())});
  else
    readPlain(file, data);
  return data;
}

std::vector<int32_t> tokenize(const Data &data, const TextEncoder *encoder, int64_t vocabulary) {
  std::vector<int32_t> tokens;
  int32_t separator = encoder ? encoder->getEos() : -1;
  for (const Document &document : data.documents) {
    if (&document != data.documents.data() && separator >= 0)
      tokens.push_back(separator);
    if (!document.isText) {
      checkIds(document, vocabulary);
      tokens.insert(tokens.end(), document.ids.begin(), document.ids.end());
      continue;
    }
    if (!encoder)
      throw Error(document.place + ": is text, but the model has no tokenizer; give one with "
                                   "--tokenizer, or data that are tokens");
    try {
      encoder->encode(document.text, tokens);
    } catch (const rt::Failure &failure) {
      throw Error(document.place + ": " + failure.what());
    }
  }
  // The tokenizer may know more than the model.
  if (auto most = std::ranges::max_element(tokens); most != tokens.end() && *most >= vocabulary)
    throw Error(data.path + ": the tokenizer gives token " + std::to_string(*most) +
                ", expected less than " + std::to_string(vocabulary) + ", the model's vocabulary");
  return tokens;
}

void checkLength(const Data &data, const std::vector<int32_t> &tokens, uint64_t length) {
  if (countWindows(tokens.size(), length) == 0)
    throw Error(data.path + ": has " + std::to_string(tokens.size()) +
                " tokens, expected at least " + std::to_string(length + 1) +
                ": a window of --seq " + std::to_string(length) +
                " and the token after it; give more data, or a smaller --seq");
}

std::string computeFingerprint(const std::vector<int32_t> &tokens) {
  char text[40];
  std::snprintf(
      text, sizeof(text), "%016llx",
      static_cast<unsigned long long>(XXH3_64bits(tokens.data(), tokens.size() * sizeof(int32_t))));
  return std::to_string(tokens.size()) + " tokens, " + text;
}

} // namespace nyala::train
