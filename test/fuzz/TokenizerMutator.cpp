#include "test/fuzz/TokenizerMutator.h"

#include "runtime/text/TokenTree.h"

#include <numeric>
#include <string_view>
#include <tuple>

namespace nyala::test {
namespace {

using artifact::Merge;
using artifact::TokenizerT;
using artifact::TokenKind;

/// The tokens one by one; empty if the offsets are not those of texts.
std::vector<std::string> getTexts(const TokenizerT &tokenizer) {
  std::vector<std::string> texts;
  const auto &offsets = tokenizer.offsets;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    if (offsets[i] > offsets[i + 1] || offsets[i + 1] > tokenizer.bytes.size())
      return {};
    texts.emplace_back(tokenizer.bytes.begin() + offsets[i],
                       tokenizer.bytes.begin() + offsets[i + 1]);
  }
  return texts;
}

/// Makes the tables say that these are the tokens, in the orders that the format asks for.
void setTexts(TokenizerT &tokenizer, const std::vector<std::string> &texts) {
  tokenizer.bytes.clear();
  tokenizer.offsets = {0};
  for (const std::string &text : texts) {
    tokenizer.bytes.insert(tokenizer.bytes.end(), text.begin(), text.end());
    tokenizer.offsets.push_back(static_cast<uint32_t>(tokenizer.bytes.size()));
  }
  tokenizer.kinds.resize(texts.size());
  const auto collect = [&](std::vector<uint32_t> &ids, auto wanted, auto key) {
    ids.clear();
    for (uint32_t id = 0; id < texts.size(); ++id)
      if (wanted(tokenizer.kinds[id]))
        ids.push_back(id);
    std::ranges::sort(ids, {}, key);
  };
  collect(
      tokenizer.sorted, [](TokenKind kind) { return kind == TokenKind::Normal; },
      [&](uint32_t id) { return std::pair(std::string_view(texts[id]), id); });
  collect(
      tokenizer.specials,
      [](TokenKind kind) { return kind == TokenKind::Control || kind == TokenKind::UserDefined; },
      [&](uint32_t id) { return std::pair(~texts[id].size(), id); });
}

/// The tree that belongs to the tokens.
void setTree(TokenizerT &tokenizer) {
  const std::vector<std::string> texts = getTexts(tokenizer);
  const std::vector<uint32_t> &sorted = tokenizer.sorted;
  if (std::ranges::all_of(sorted, [&](uint32_t id) { return id < texts.size(); }))
    tokenizer.token_tree = rt::buildTokenTree(
        sorted.size(), [&](size_t at) { return std::string_view(texts[sorted[at]]); });
}

void sortMerges(TokenizerT &tokenizer) {
  std::ranges::sort(tokenizer.merges, {}, [](const Merge &merge) {
    return std::tuple(merge.left(), merge.right(), merge.rank());
  });
}

void addToken(Mutator &mutator, TokenizerT &tokenizer) {
  std::vector<std::string> texts = getTexts(tokenizer);
  std::string text = texts.empty() ? "" : texts[mutator.pick(texts.size())];
  mutateBytes(text);
  texts.push_back(text);
  tokenizer.kinds.resize(texts.size() - 1);
  tokenizer.kinds.push_back(static_cast<TokenKind>(mutator.pick(6)));
  setTexts(tokenizer, texts);
}

/// A merge of two tokens, and their result if there is none yet.
void addMerge(Mutator &mutator, TokenizerT &tokenizer) {
  std::vector<std::string> texts = getTexts(tokenizer);
  if (texts.empty())
    return;
  auto left = static_cast<uint32_t>(mutator.pick(texts.size())),
       right = static_cast<uint32_t>(mutator.pick(texts.size()));
  std::string text = texts[left] + texts[right];
  auto result = static_cast<uint32_t>(std::ranges::find(texts, text) - texts.begin());
  if (result == texts.size()) {
    texts.push_back(text);
    tokenizer.kinds.resize(texts.size() - 1);
    tokenizer.kinds.push_back(TokenKind::Normal);
    setTexts(tokenizer, texts);
  }
  tokenizer.merges.emplace_back(left, right, static_cast<uint32_t>(mutator.pick(64)), result);
  sortMerges(tokenizer);
}

} // namespace

void addChanges(Mutator &mutator, TokenizerT &tokenizer) {
  mutator.text(tokenizer.model);
  mutator.add([&] {
    constexpr const char *names[] = {"smollm", "gpt-2", "llama-bpe", "qwen2", "splits"};
    tokenizer.pre_tokenizer = names[mutator.pick(std::size(names))];
  });
  mutator.add([&] { mutateBytes(tokenizer.bytes); });
  mutator.numbers(tokenizer.offsets);
  mutator.numbers(tokenizer.kinds);
  mutator.numbers(tokenizer.sorted);
  mutator.numbers(tokenizer.specials);
  mutator.numbers(tokenizer.stops);
  mutator.number(tokenizer.bos);
  mutator.number(tokenizer.eos);
  mutator.number(tokenizer.add_bos);
  mutator.list(tokenizer.merges, [](const Merge &merge) { return merge; });
  mutator.text(tokenizer.chat_template);
  mutator.number(tokenizer.ignore_merges);
  mutator.list(tokenizer.splits, [](const std::string &split) { return split; });
  mutator.add([&] {
    if (tokenizer.splits.empty())
      tokenizer.splits.emplace_back("\\s+|[^\\s]+");
    mutateBytes(tokenizer.splits[mutator.pick(tokenizer.splits.size())]);
  });
  mutator.list(tokenizer.token_tree, [](const artifact::TokenNode &node) { return node; });
  mutator.add([&] {
    if (tokenizer.token_tree.empty())
      return setTree(tokenizer);
    auto &node = tokenizer.token_tree[mutator.pick(tokenizer.token_tree.size())];
    const auto number = static_cast<uint32_t>(mutator.pick(tokenizer.token_tree.size() + 2));
    node = mutator.pick(2) ? artifact::TokenNode(number, node.tokens(), node.byte())
                           : artifact::TokenNode(node.end(), number, node.byte());
  });
  mutator.add([&] { setTree(tokenizer); });
  mutator.add([&] { sortMerges(tokenizer); });
  mutator.add([&] { setTexts(tokenizer, getTexts(tokenizer)); });
  for (int weight = 0; weight < 3; ++weight) {
    mutator.add([&] { addToken(mutator, tokenizer); });
    mutator.add([&] { addMerge(mutator, tokenizer); });
  }
}

} // namespace nyala::test
