#include "frontends/hf/TokenizerJson.h"

#include "frontends/text/ByteLevel.h"
#include "ir/storage/Error.h"
#include "runtime/artifact_header.h"
#include "runtime/core/Status.h"
#include "runtime/text/PreTokenizer.h"

#include <algorithm>

namespace nyala::hf {
namespace {

class Reader {
public:
  explicit Reader(const JsonDocument &file) : root(file.getRoot()), model(root.get("model")) {}

  TokenizerJson read();

private:
  void checkModel();
  void checkNormalizer(const JsonValue &normalizer);
  void checkDecoder(const JsonValue &decoder);
  void readPreTokenizer();
  void readVocabulary();
  void readMerges();
  void readAddedTokens();
  void readAddedToken(const JsonValue &value, uint64_t limit);
  void checkMerges();
  void readPostProcessor(const JsonValue &processor);
  void readTemplate(const JsonValue &processor);

  void addToken(const JsonValue &place, std::string_view text, uint32_t id, TokenKind kind);
  uint64_t countTokens() const;

  JsonValue root, model;
  std::vector<std::string_view> texts; ///< as the file has them; empty for ids without a token
  TokenizerJson result;
  TokenizerData &data = result.data;
};

TokenizerJson Reader::read() {
  checkModel();
  if (std::optional<JsonValue> normalizer = root.find("normalizer"))
    checkNormalizer(*normalizer);
  readPreTokenizer();
  if (std::optional<JsonValue> decoder = root.find("decoder"))
    checkDecoder(*decoder);
  readVocabulary();
  readMerges();
  readAddedTokens();
  checkMerges();
  if (std::optional<JsonValue> processor = root.find("post_processor"))
    readPostProcessor(*processor);
  return std::move(result);
}

/// Byte-level BPE, without what would give other tokens than the runtime's.
void Reader::checkModel() {
  std::optional<JsonValue> type = model.find("type"); // old files do without
  if (type && type->asString() != "BPE")
    type->failExpected("'BPE', byte-level as in GPT-2, Llama 3 or Qwen");
  if (std::optional<JsonValue> dropout = model.find("dropout"); dropout && dropout->asNumber() != 0)
    dropout->failExpected("null, leaving merges out at random is not supported");
  for (const char *name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (std::optional<JsonValue> affix = model.find(name); affix && !affix->asString().empty())
      affix->failExpected("null, only byte-level BPE is supported");
  std::optional<JsonValue> fallback = model.find("byte_fallback");
  if (fallback && fallback->asBool())
    fallback->failExpected("false, vocabularies as SentencePiece's are not supported, only "
                           "byte-level BPE");
  std::optional<JsonValue> ignoreMerges = model.find("ignore_merges");
  data.ignoreMerges = ignoreMerges && ignoreMerges->asBool();
  data.model = "gpt2";
}

/// The runtime takes text as it is, and so would NFC for almost all text.
void Reader::checkNormalizer(const JsonValue &normalizer) {
  JsonValue type = normalizer.get("type");
  if (type.asString() == "Sequence") {
    JsonValue parts = normalizer.get("normalizers");
    for (size_t i = 0, count = parts.size(); i < count; ++i)
      checkNormalizer(parts.at(i));
  } else if (type.asString() != "NFC") {
    type.failExpected("'NFC' or no normalizer");
  }
}

void Reader::checkDecoder(const JsonValue &decoder) {
  JsonValue type = decoder.get("type");
  if (type.asString() == "Sequence") {
    JsonValue parts = decoder.get("decoders");
    for (size_t i = 0, count = parts.size(); i < count; ++i)
      checkDecoder(parts.at(i));
  } else if (type.asString() != "ByteLevel") {
    type.failExpected("'ByteLevel'");
  }
}

/// The name of a family with these patterns, else the patterns.
void Reader::readPreTokenizer() {
  data.splits = readSplits(root);
  for (const rt::PreTokenizerFamily &family : rt::getPreTokenizerFamilies()) {
    if (!std::ranges::equal(family.splits, data.splits) ||
        family.ignoresMerges != data.ignoreMerges)
      continue;
    data.preTokenizer = family.name;
    data.ignoreMerges = false; // said by the name
    data.splits.clear();
    return;
  }
  data.preTokenizer = "splits";
  try {
    rt::PreTokenizer(std::vector<std::string_view>(data.splits.begin(), data.splits.end()));
  } catch (const rt::Failure &failure) {
    root.get("pre_tokenizer").fail(failure.what());
  }
}

uint64_t Reader::countTokens() const {
  std::optional<JsonValue> added = root.find("added_tokens");
  return model.get("vocab").size() + (added ? added->size() : 0);
}

void Reader::addToken(const JsonValue &place, std::string_view text, uint32_t id, TokenKind kind) {
  if (id >= texts.size()) {
    texts.resize(id + 1);
    data.tokens.resize(id + 1);
    data.kinds.resize(id + 1, TokenKind::Unused);
  }
  if (!texts[id].empty() && texts[id] != text)
    place.fail("the id " + std::to_string(id) + " is also that of " + quote(texts[id]) +
               ", expected one token an id");
  texts[id] = text;
  data.tokens[id] = kind == TokenKind::Normal ? decodeByteLevel(text) : std::string(text);
  data.kinds[id] = kind;
}

void Reader::readVocabulary() {
  uint64_t limit = std::min<uint64_t>(countTokens() + maxUnusedTokens, NYALA_MAX_VOCABULARY);
  JsonValue vocabulary = model.get("vocab");
  if (!vocabulary.isObject())
    vocabulary.failExpected("an object of ids by token");
  vocabulary.forMembers([&](const std::string &text, const JsonValue &value) {
    if (text.empty())
      value.fail("a token without text");
    auto id = static_cast<uint32_t>(value.asInteger(limit));
    addToken(value, text, id, TokenKind::Normal);
    result.ids.emplace(text, id);
  });
}

/// Each is "a b", or ["a", "b"] in newer files. Of several merges of one pair the last one counts,
/// as for the library; the artifact writer sees to that.
void Reader::readMerges() {
  JsonValue merges = model.get("merges");
  if (!merges.isArray())
    merges.failExpected("an array");
  size_t count = merges.size();
  data.merges.reserve(count);
  for (size_t rank = 0; rank < count; ++rank) {
    JsonValue merge = merges.at(rank);
    std::optional<std::pair<std::string_view, std::string_view>> parts;
    if (merge.isString())
      parts = splitMerge(merge.asString());
    else if (merge.isArray() && merge.size() == 2)
      parts = {merge.at(0).asString(), merge.at(1).asString()};
    if (!parts)
      merge.failExpected("two tokens as \"a b\" or [\"a\", \"b\"]");
    data.merges.push_back(makeMerge(
        result.ids, parts->first, parts->second, static_cast<uint32_t>(rank),
        [&](std::string_view text) { merge.fail(quote(text) + " is not in the vocabulary"); }));
  }
}

/// Added tokens are matched in text before anything else; some have their place in the vocabulary.
void Reader::readAddedTokens() {
  std::optional<JsonValue> added = root.find("added_tokens");
  if (added && !added->isArray())
    added->failExpected("an array");
  uint64_t limit = std::min<uint64_t>(countTokens() + maxUnusedTokens, NYALA_MAX_VOCABULARY);
  for (size_t i = 0, count = added ? added->size() : 0; i < count; ++i)
    readAddedToken(added->at(i), limit);
  if (texts.empty())
    model.fail("there are no tokens, expected a vocabulary");
}

void Reader::readAddedToken(const JsonValue &value, uint64_t limit) {
  auto isSet = [&](const char *name) {
    std::optional<JsonValue> flag = value.find(name);
    return flag && flag->asBool();
  };
  auto id = static_cast<uint32_t>(value.get("id").asInteger(limit));
  JsonValue content = value.get("content");
  const std::string &text = content.asString();
  if (text.empty())
    content.fail("a token without text");
  for (const char *name : {"lstrip", "rstrip", "single_word"})
    if (isSet(name))
      value.find(name)->failExpected("false for " + quote(text) +
                                     ", what stands around a token is not looked at");
  auto [entry, isNew] = result.ids.emplace(text, id);
  if (entry->second != id)
    content.fail(quote(text) + " has the id " + std::to_string(id) + ", but is also token " +
                 std::to_string(entry->second) + ", expected one id a token");
  if (!isNew && data.kinds[id] != TokenKind::Normal)
    content.fail(quote(text) + " is added twice");
  addToken(content, text, id, isSet("special") ? TokenKind::Control : TokenKind::UserDefined);
}

/// An added token is taken literally, so merges of such a one may spell something else.
void Reader::checkMerges() {
  for (const TokenizerData::Merge &merge : data.merges)
    if (data.tokens[merge.left] + data.tokens[merge.right] != data.tokens[merge.result])
      model.get("merges")
          .at(merge.rank)
          .fail(quote(data.tokens[merge.left]) + " and " + quote(data.tokens[merge.right]) +
                " do not spell " + quote(data.tokens[merge.result]) +
                "; expected added tokens that no merge makes, or plain ones");
}

void Reader::readPostProcessor(const JsonValue &processor) {
  JsonValue type = processor.get("type");
  if (type.asString() == "Sequence") {
    JsonValue parts = processor.get("processors");
    for (size_t i = 0, count = parts.size(); i < count; ++i)
      readPostProcessor(parts.at(i));
  } else if (type.asString() == "TemplateProcessing") {
    readTemplate(processor);
  } else if (type.asString() != "ByteLevel") { // which is about offsets
    type.failExpected("'ByteLevel', 'TemplateProcessing' or a 'Sequence' of these");
  }
}

/// [Sequence A], or [SpecialToken, Sequence A]: the token comes before each text.
void Reader::readTemplate(const JsonValue &processor) {
  JsonValue parts = processor.get("single");
  size_t count = parts.size();
  bool hasPrefix = count == 2 && parts.at(0).find("SpecialToken");
  if ((count != 1 && !hasPrefix) || !parts.at(count - 1).find("Sequence"))
    parts.fail("expected the text, or one token before the text, other templates are not "
               "supported");
  if (!hasPrefix)
    return;
  JsonValue name = parts.at(0).get("SpecialToken").get("id");
  JsonValue ids = processor.get("special_tokens").get(name.asString()).get("ids");
  if (ids.size() != 1)
    ids.fail("expected one id, got " + std::to_string(ids.size()));
  if (result.prefix)
    parts.fail("there is a second template that puts a token before the text, expected one");
  result.prefix = static_cast<uint32_t>(ids.at(0).asInteger(texts.size()));
}

} // namespace

TokenizerJson readTokenizerJson(const JsonDocument &file) { return Reader(file).read(); }

} // namespace nyala::hf
