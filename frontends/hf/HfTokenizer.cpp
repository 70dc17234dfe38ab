#include "frontends/hf/HfTokenizer.h"

#include "frontends/hf/TokenizerJson.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"
#include "runtime/artifact_header.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

namespace nyala::hf {
namespace {

class Reader {
public:
  explicit Reader(const TokenizerFiles &files)
      : files(files), file(files.directory + "/tokenizer.json", files.tokenizer),
        tokenizerConfig(parse("tokenizer_config.json", files.tokenizerConfig)),
        specialTokensMap(parse("special_tokens_map.json", files.specialTokensMap)),
        config(parse("config.json", files.config)),
        generationConfig(parse("generation_config.json", files.generationConfig)) {}

  TokenizerData read();

private:
  std::unique_ptr<JsonDocument> parse(const char *name,
                                      const std::optional<std::string> &text) const;

  void padToVocabulary();
  int32_t readSpecialToken(const char *name, const char *idName) const;
  void readAddBos();
  void readStops();
  void readChatTemplate();
  std::optional<uint32_t> findNamedToken(const JsonValue &value) const;
  std::vector<uint32_t> readIds(const std::unique_ptr<JsonDocument> &from, const char *name) const;

  const TokenizerFiles &files;
  JsonDocument file;
  std::unique_ptr<JsonDocument> tokenizerConfig, specialTokensMap, config, generationConfig;
  TokenizerJson json;
  TokenizerData &data = json.data;
};

std::unique_ptr<JsonDocument> Reader::parse(const char *name,
                                            const std::optional<std::string> &text) const {
  return text ? std::make_unique<JsonDocument>(files.directory + "/" + name, *text) : nullptr;
}

TokenizerData Reader::read() {
  json = readTokenizerJson(file);
  padToVocabulary();
  data.bos = readSpecialToken("bos_token", "bos_token_id");
  data.eos = readSpecialToken("eos_token", "eos_token_id");
  readAddBos();
  readStops();
  readChatTemplate();
  return std::move(data);
}

/// Embeddings often have more rows than there are tokens, for the sake of alignment.
void Reader::padToVocabulary() {
  std::optional<JsonValue> size =
      config ? config->getRoot().find("vocab_size") : std::optional<JsonValue>();
  if (!size)
    return;
  uint64_t rows = size->asInteger(uint64_t{NYALA_MAX_VOCABULARY} + 1);
  if (rows < data.tokens.size() || rows - data.tokens.size() > maxUnusedTokens)
    size->failExpected(std::to_string(data.tokens.size()) + ", the number of tokens of " +
                       file.getPath() + ", or up to " + std::to_string(maxUnusedTokens) + " more");
  data.tokens.resize(rows);
  data.kinds.resize(rows, TokenKind::Unused);
}

/// A token that is given by its text: "<s>" or {"content": "<s>", ...}.
std::optional<uint32_t> Reader::findNamedToken(const JsonValue &value) const {
  JsonValue text = value.isObject() ? value.get("content") : value;
  auto found = json.ids.find(text.asString());
  if (found == json.ids.end())
    text.failExpected("a token of tokenizer.json");
  return found->second;
}

/// Token ids: a number, or an array of numbers.
std::vector<uint32_t> Reader::readIds(const std::unique_ptr<JsonDocument> &from,
                                      const char *name) const {
  std::vector<uint32_t> ids;
  std::optional<JsonValue> value = from ? from->getRoot().find(name) : std::optional<JsonValue>();
  if (!value)
    return ids;
  auto add = [&](const JsonValue &id) {
    ids.push_back(static_cast<uint32_t>(id.asInteger(data.tokens.size())));
  };
  if (!value->isArray())
    add(*value);
  else
    for (size_t i = 0, count = value->size(); i < count; ++i)
      add(value->at(i));
  return ids;
}

/// The first file that says something counts. -1: none.
int32_t Reader::readSpecialToken(const char *name, const char *idName) const {
  for (const auto *from : {&tokenizerConfig, &specialTokensMap})
    if (*from)
      if (std::optional<JsonValue> value = (*from)->getRoot().find(name))
        return static_cast<int32_t>(*findNamedToken(*value));
  for (const auto *from : {&config, &generationConfig})
    if (std::vector<uint32_t> ids = readIds(*from, idName); !ids.empty())
      return static_cast<int32_t>(ids.front());
  return -1;
}

/// tokenizer_config.json's word counts, else the post-processor's.
void Reader::readAddBos() {
  std::optional<JsonValue> addBos, addEos;
  if (tokenizerConfig) {
    addBos = tokenizerConfig->getRoot().find("add_bos_token");
    addEos = tokenizerConfig->getRoot().find("add_eos_token");
  }
  if (addEos && addEos->asBool())
    addEos->failExpected("false, putting a token after a text is not supported");
  if (addBos) {
    data.addBos = addBos->asBool();
    if (data.addBos && data.bos < 0)
      addBos->fail("is true, but no file says what bos_token is");
  } else if (json.prefix) {
    data.addBos = true;
    if (data.bos < 0)
      data.bos = static_cast<int32_t>(*json.prefix);
    if (data.bos != static_cast<int32_t>(*json.prefix))
      file.getRoot().fail("post_processor puts token " + std::to_string(*json.prefix) +
                          " before a text, expected bos_token, which is " +
                          std::to_string(data.bos));
  }
}

void Reader::readStops() {
  if (data.eos >= 0)
    data.stops.push_back(static_cast<uint32_t>(data.eos));
  for (const auto *from : {&config, &generationConfig})
    for (uint32_t id : readIds(*from, "eos_token_id"))
      data.stops.push_back(id);
  completeStops(data);
}

/// chat_template.jinja, else tokenizer_config.json's: one text, or several with names.
void Reader::readChatTemplate() {
  if (files.chatTemplate) {
    if (size_t bad = rt::checkText(*files.chatTemplate); bad != std::string::npos)
      throw Error(files.directory +
                  "/chat_template.jinja: " + rt::describeBadText(*files.chatTemplate, bad));
    data.chatTemplate = *files.chatTemplate;
    return;
  }
  std::optional<JsonValue> value;
  if (tokenizerConfig)
    value = tokenizerConfig->getRoot().find("chat_template");
  if (!value)
    return;
  if (!value->isArray()) {
    data.chatTemplate = value->asString();
    return;
  }
  for (size_t i = 0, count = value->size(); i < count; ++i)
    if (JsonValue entry = value->at(i); entry.get("name").asString() == "default")
      data.chatTemplate = entry.get("template").asString();
}

std::optional<std::string> readFile(const std::filesystem::path &path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return std::nullopt;
  MappedFile file(path.string());
  return std::string(file.bytes().begin(), file.bytes().end());
}

} // namespace

TokenizerData readTokenizer(const TokenizerFiles &files) { return Reader(files).read(); }

std::optional<TokenizerData> readTokenizer(const std::string &directory) {
  std::filesystem::path path(directory);
  std::optional<std::string> tokenizer = readFile(path / "tokenizer.json");
  if (!tokenizer)
    return std::nullopt;
  return readTokenizer(TokenizerFiles{
      .directory = directory,
      .tokenizer = std::move(*tokenizer),
      .tokenizerConfig = readFile(path / "tokenizer_config.json"),
      .specialTokensMap = readFile(path / "special_tokens_map.json"),
      .config = readFile(path / "config.json"),
      .generationConfig = readFile(path / "generation_config.json"),
      .chatTemplate = readFile(path / "chat_template.jinja"),
  });
}

std::optional<TokenizerData> readTokenizerBeside(const std::string &configPath) {
  std::filesystem::path folder = std::filesystem::path(configPath).parent_path();
  return readTokenizer(folder.empty() ? "." : folder.string());
}

} // namespace nyala::hf
