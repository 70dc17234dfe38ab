#include "codegen/package/TokenizerWriter.h"

#include "ir/storage/Error.h"
#include "runtime/artifact_header.h"
#include "runtime/text/TokenTree.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace nyala::package {
namespace {

/// FlatBuffers stop at 2 GiB and abort there; nothing near that is a vocabulary.
constexpr size_t maxTextBytes = size_t(1) << 28;
constexpr size_t maxTokens = NYALA_MAX_VOCABULARY;

void checkIds(const TokenizerData &tokenizer) {
  size_t count = tokenizer.tokens.size();
  if (tokenizer.kinds.size() != count)
    throw Error("the tokenizer has " + std::to_string(count) + " tokens but " +
                std::to_string(tokenizer.kinds.size()) + " token types");
  if (count > maxTokens || tokenizer.merges.size() > maxTokens)
    throw Error("the tokenizer has " + std::to_string(count) + " tokens and " +
                std::to_string(tokenizer.merges.size()) + " merges: at most " +
                std::to_string(maxTokens) + " of each are supported");
  auto check = [&](int64_t id, const char *what) {
    if (id < 0 || id >= static_cast<int64_t>(count))
      throw Error(std::string("the tokenizer's ") + what + " names token " + std::to_string(id) +
                  ", but it has only " + std::to_string(count) + " tokens");
  };
  if (tokenizer.bos != -1)
    check(tokenizer.bos, "beginning-of-sequence token");
  if (tokenizer.eos != -1)
    check(tokenizer.eos, "end-of-sequence token");
  for (uint32_t id : tokenizer.stops)
    check(id, "list of stop tokens");
  for (const TokenizerData::Merge &merge : tokenizer.merges) {
    check(std::max({merge.left, merge.right, merge.result}), "list of merges");
    const std::string &left = tokenizer.tokens[merge.left];
    const std::string &right = tokenizer.tokens[merge.right];
    if (left.empty() || right.empty() || left + right != tokenizer.tokens[merge.result])
      throw Error("the tokenizer's merge of tokens " + std::to_string(merge.left) + " and " +
                  std::to_string(merge.right) + " does not spell its result, token " +
                  std::to_string(merge.result));
  }
}

std::vector<uint32_t> idsOf(const TokenizerData &tokenizer, auto &&wanted) {
  std::vector<uint32_t> ids;
  for (uint32_t id = 0; id < tokenizer.tokens.size(); ++id)
    if (wanted(tokenizer.kinds[id]))
      ids.push_back(id);
  return ids;
}

std::vector<artifact::Merge> sortMerges(std::vector<TokenizerData::Merge> merges) {
  auto key = [](const TokenizerData::Merge &merge) {
    return std::tuple(merge.left, merge.right, ~merge.rank);
  };
  std::ranges::sort(merges, {}, key);
  auto samePair = [](const TokenizerData::Merge &a, const TokenizerData::Merge &b) {
    return a.left == b.left && a.right == b.right;
  };
  merges.erase(std::unique(merges.begin(), merges.end(), samePair), merges.end());
  std::vector<artifact::Merge> out;
  out.reserve(merges.size());
  for (const TokenizerData::Merge &merge : merges)
    out.emplace_back(merge.left, merge.right, merge.rank, merge.result);
  return out;
}

} // namespace

flatbuffers::Offset<artifact::Tokenizer> writeTokenizer(flatbuffers::FlatBufferBuilder &builder,
                                                        const TokenizerData &tokenizer) {
  checkIds(tokenizer);
  const auto &tokens = tokenizer.tokens;

  std::vector<uint8_t> bytes;
  std::vector<uint32_t> offsets = {0};
  for (const std::string &token : tokens) {
    if (token.size() > maxTextBytes - bytes.size())
      throw Error("the tokenizer's tokens have more than " + std::to_string(maxTextBytes) +
                  " bytes of text");
    bytes.insert(bytes.end(), token.begin(), token.end());
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  std::vector<artifact::TokenKind> kinds;
  kinds.reserve(tokenizer.kinds.size());
  for (TokenKind kind : tokenizer.kinds)
    kinds.push_back(static_cast<artifact::TokenKind>(kind));

  auto sorted = idsOf(tokenizer, [](TokenKind kind) { return kind == TokenKind::Normal; });
  std::ranges::sort(sorted, {},
                    [&](uint32_t id) { return std::pair(std::string_view(tokens[id]), id); });
  auto specials = idsOf(tokenizer, [](TokenKind kind) {
    return kind == TokenKind::Control || kind == TokenKind::UserDefined;
  });
  std::ranges::sort(specials, {}, [&](uint32_t id) { return std::pair(~tokens[id].size(), id); });
  auto merges = sortMerges(tokenizer.merges);
  std::vector<uint32_t> stops = tokenizer.stops;
  std::ranges::sort(stops);
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());

  auto model = builder.CreateString(tokenizer.model);
  auto preTokenizer = builder.CreateString(tokenizer.preTokenizer);
  // A list of no patterns is one, too.
  bool hasSplits = tokenizer.preTokenizer == "splits";
  auto splits = hasSplits ? builder.CreateVectorOfStrings(tokenizer.splits) : 0;
  auto chatTemplate = tokenizer.chatTemplate ? builder.CreateString(*tokenizer.chatTemplate) : 0;
  auto bytesVector = builder.CreateVector(bytes);
  auto offsetsVector = builder.CreateVector(offsets);
  auto kindsVector = builder.CreateVector(kinds);
  auto sortedVector = builder.CreateVector(sorted);
  auto specialsVector = builder.CreateVector(specials);
  auto treeVector = builder.CreateVectorOfStructs(rt::buildTokenTree(
      sorted.size(), [&](size_t at) -> std::string_view { return tokens[sorted[at]]; }));
  auto mergesVector = builder.CreateVectorOfStructs(merges);
  auto stopsVector = builder.CreateVector(stops);
  return artifact::CreateTokenizer(builder, model, preTokenizer, bytesVector, offsetsVector,
                                   kindsVector, sortedVector, specialsVector, mergesVector,
                                   tokenizer.bos, tokenizer.eos, tokenizer.addBos, stopsVector,
                                   chatTemplate, splits, tokenizer.ignoreMerges, treeVector);
}

} // namespace nyala::package
