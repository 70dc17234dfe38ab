// The tokenizer in a GGUF file's metadata (keys "tokenizer.*": ggml's docs/gguf.md; their defaults:
// llama.cpp's src/llama-vocab.cpp).
#include "frontends/gguf/GgufFile.h"
#include "frontends/text/ByteLevel.h"
#include "frontends/text/Vocabulary.h"
#include "ir/storage/Error.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

namespace nyala::gguf {
namespace {

constexpr std::string_view supportedPreTokenizers[] = {"gpt-2", "llama-bpe", "qwen2", "smollm"};

class TokenizerReader {
public:
  explicit TokenizerReader(const GgufFile &file) : file(file) {}

  std::optional<TokenizerData> read();

private:
  void readPreTokenizer();
  void readTokens();
  void readMerges();
  void readSpecialTokens();

  TokenKind getKind(int64_t type, size_t id) const;
  std::string decodeToken(std::string_view text, TokenKind kind, size_t id) const;
  std::optional<uint32_t> readTokenId(std::string_view key) const;

  [[noreturn]] void fail(const std::string &message) const {
    throw Error(file.getPath() + ": tokenizer: " + message);
  }

  const GgufFile &file;
  const std::vector<std::string_view> *texts = nullptr;
  TokenIds ids;
  TokenizerData data;
};

std::optional<TokenizerData> TokenizerReader::read() {
  std::optional<std::string_view> model = file.getString("tokenizer.ggml.model");
  texts = file.getStrings("tokenizer.ggml.tokens");
  // Models that are fed token ids say "none", or "no_vocab" in older files.
  if ((!model && !texts) || model == "none" || model == "no_vocab")
    return std::nullopt;
  if (!model)
    fail("key 'tokenizer.ggml.model' is missing, expected 'gpt2'");
  if (*model != "gpt2")
    fail("model " + quote(*model) + " is not supported, expected 'gpt2' (byte-level BPE)");
  data.model = *model;
  readPreTokenizer();
  readTokens();
  readMerges();
  readSpecialTokens();
  if (std::optional<std::string_view> source = file.getString("tokenizer.chat_template"))
    data.chatTemplate = *source;
  return std::move(data);
}

void TokenizerReader::readPreTokenizer() {
  std::optional<std::string_view> pre = file.getString("tokenizer.ggml.pre");
  if (pre && std::ranges::find(supportedPreTokenizers, *pre) != std::end(supportedPreTokenizers)) {
    data.preTokenizer = *pre;
    return;
  }
  std::string supported;
  for (std::string_view name : supportedPreTokenizers)
    supported += (supported.empty() ? "" : ", ") + quote(name);
  if (!pre)
    fail("key 'tokenizer.ggml.pre' is missing, expected one of " + supported +
         "; convert the original model again with a current converter");
  fail("pre-tokenizer " + quote(*pre) + " is not supported, expected one of " + supported);
}

TokenKind TokenizerReader::getKind(int64_t type, size_t id) const {
  static constexpr TokenKind kinds[] = {TokenKind::Normal,  TokenKind::Unknown,
                                        TokenKind::Control, TokenKind::UserDefined,
                                        TokenKind::Unused,  TokenKind::Byte};
  if (type < 1 || type > static_cast<int64_t>(std::size(kinds)))
    fail("token " + std::to_string(id) + " has the type " + std::to_string(type) +
         ", expected 1 to 6");
  return kinds[type - 1];
}

/// Only Normal tokens are in byte-level encoding.
std::string TokenizerReader::decodeToken(std::string_view text, TokenKind kind, size_t id) const {
  if (kind == TokenKind::Normal)
    return decodeByteLevel(text);
  if (kind != TokenKind::Byte)
    return std::string(text);

  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  bool valid = text.size() == 6 && text.starts_with("<0x") && text.ends_with('>') &&
               digit(text[3]) >= 0 && digit(text[4]) >= 0;
  if (!valid)
    fail("byte token " + std::to_string(id) + " is " + quote(text) +
         ", expected the form '<0x0A>'");
  return std::string(1, static_cast<char>(digit(text[3]) * 16 + digit(text[4])));
}

void TokenizerReader::readTokens() {
  if (!texts || texts->empty())
    fail("key 'tokenizer.ggml.tokens' is missing or empty, expected the vocabulary");
  if (texts->size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    fail(std::to_string(texts->size()) + " tokens, expected less than 2^31");
  // The format lets the types out where all tokens are normal.
  auto types = file.getIntegers("tokenizer.ggml.token_type");
  if (types && types->size() != texts->size())
    fail(std::to_string(types->size()) + " token types for " + std::to_string(texts->size()) +
         " tokens, expected as many");

  for (size_t id = 0; id < texts->size(); ++id) {
    std::string_view text = (*texts)[id];
    TokenKind kind = types ? getKind((*types)[id], id) : TokenKind::Normal;
    data.tokens.push_back(decodeToken(text, kind, id));
    data.kinds.push_back(kind);
    // Merges mean the Normal one of two tokens that are written alike, else the first.
    auto [entry, isNew] = ids.try_emplace(text, static_cast<uint32_t>(id));
    if (!isNew && kind == TokenKind::Normal && data.kinds[entry->second] != TokenKind::Normal)
      entry->second = static_cast<uint32_t>(id);
  }
}

void TokenizerReader::readMerges() {
  const auto *merges = file.getStrings("tokenizer.ggml.merges");
  if (!merges)
    fail("key 'tokenizer.ggml.merges' is missing, expected the merges of byte-pair encoding");
  if (merges->size() > std::numeric_limits<uint32_t>::max())
    fail(std::to_string(merges->size()) + " merges, expected less than 2^32");

  data.merges.reserve(merges->size());
  std::unordered_set<uint64_t> pairs;
  for (size_t rank = 0; rank < merges->size(); ++rank) {
    std::string_view merge = (*merges)[rank];
    auto failMerge = [&](const std::string &message) {
      fail("merge " + std::to_string(rank) + " is " + quote(merge) + ", " + message);
    };
    auto parts = splitMerge(merge);
    if (!parts)
      failMerge("expected two parts with a space between them");
    TokenizerData::Merge entry = makeMerge(
        ids, parts->first, parts->second, static_cast<uint32_t>(rank),
        [&](std::string_view text) { failMerge("but " + quote(text) + " is not a token"); });
    // The first of two equal merges has the lower rank, so that the second is never used.
    if (pairs.insert(uint64_t(entry.left) << 32 | entry.right).second)
      data.merges.push_back(entry);
  }
}

std::optional<uint32_t> TokenizerReader::readTokenId(std::string_view key) const {
  std::optional<uint64_t> id = file.getInteger(key);
  if (id && *id >= texts->size())
    fail("key " + quote(key) + " is " + std::to_string(*id) + ", expected less than " +
         std::to_string(texts->size()) + ", the number of tokens");
  return id ? std::optional(static_cast<uint32_t>(*id)) : std::nullopt;
}

void TokenizerReader::readSpecialTokens() {
  if (std::optional<uint32_t> id = readTokenId("tokenizer.ggml.bos_token_id"))
    data.bos = static_cast<int32_t>(*id);
  if (std::optional<uint32_t> id = readTokenId("tokenizer.ggml.eos_token_id"))
    data.eos = static_cast<int32_t>(*id);

  // Where the key is absent, llama.cpp prepends bos for llama-bpe only.
  std::optional<bool> addBos = file.getBool("tokenizer.ggml.add_bos_token");
  if (addBos == true && data.bos < 0)
    fail("key 'tokenizer.ggml.add_bos_token' is true, but there is no "
         "'tokenizer.ggml.bos_token_id'");
  data.addBos = addBos.value_or(data.preTokenizer == "llama-bpe" && data.bos >= 0);

  for (const char *key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"})
    if (std::optional<uint32_t> id = readTokenId(key))
      data.stops.push_back(*id);
  completeStops(data);
}

} // namespace

std::optional<TokenizerData> readTokenizer(const GgufFile &file) {
  return TokenizerReader(file).read();
}

} // namespace nyala::gguf
