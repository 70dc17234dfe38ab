//===- TokenTrieTest.cpp - The vocabulary as a tree of bytes --------------===//

#include "runtime/text/TokenTrie.h"
#include "runtime/core/Status.h"
#include "runtime/text/TokenTree.h"
#include "test/unit/text/TokenizerFixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using testing::ElementsAre;

namespace {

TEST(TokenTree, HoldsPrefixesOnce) {
  std::vector<std::string_view> texts = {"", "a", "ab", "ac", "ac", "b"};
  auto nodes = rt::buildTokenTree(texts.size(), [&](size_t at) { return texts[at]; });
  std::string spelled;
  using Place = std::pair<uint32_t, uint32_t>;
  std::vector<Place> places;
  for (const artifact::TokenNode &node : nodes) {
    spelled += static_cast<char>(node.byte());
    places.emplace_back(node.end(), node.tokens());
  }
  EXPECT_EQ(spelled, "abcb");
  EXPECT_THAT(places, ElementsAre(Place(3, 1), Place(2, 2), Place(3, 3), Place(4, 5)));
}

/// Texts of the tokens that the trie reaches by its bytes.
std::vector<std::pair<std::string, uint32_t>> listTokens(const rt::TokenTrie &trie) {
  std::vector<std::pair<std::string, uint32_t>> list;
  std::vector<uint32_t> ends;
  std::string text;
  for (uint32_t node = 0; node < trie.size(); ++node) {
    while (!ends.empty() && ends.back() == node) {
      ends.pop_back();
      text.pop_back();
    }
    ends.push_back(trie.getEnd(node));
    text += static_cast<char>(trie.getByte(node));
    for (uint32_t token : trie.tokensAt(node))
      list.emplace_back(text, token);
  }
  return list;
}

TEST(TokenTrie, SpellsAllNormalTokens) {
  TokenizerFixture fixture;
  fixture.add("ab");
  fixture.add("abc");
  fixture.add("ab"); // twice
  fixture.add("");
  fixture.add("<s>", TokenKind::Control);
  const rt::Tokenizer &tokenizer = fixture.build();
  ASSERT_FALSE(tokenizer.getTokenTree().empty());
  rt::TokenTrie trie(tokenizer);
  auto list = listTokens(trie);
  EXPECT_EQ(list.size(), 256u + 3);
  for (auto &[text, token] : list)
    EXPECT_EQ(tokenizer.tokenBytes(static_cast<int32_t>(token), false), text);
  EXPECT_TRUE(trie.hasByte('a'));
  EXPECT_EQ(trie.tokensFrom(0).size(), 1u);
}

/// The fixture's tokenizer with another tree in its artifact, or none.
struct Altered {
  Altered(TokenizerFixture &fixture, const std::vector<artifact::TokenNode> *tree) {
    const rt::Tokenizer &made = fixture.build();
    std::vector<uint8_t> bytes;
    std::vector<uint32_t> offsets = {0}, none;
    std::vector<artifact::TokenKind> kinds;
    for (size_t id = 0; id < made.size(); ++id) {
      for (char c : made.tokenBytes(static_cast<int32_t>(id), true))
        bytes.push_back(static_cast<uint8_t>(c));
      offsets.push_back(static_cast<uint32_t>(bytes.size()));
      kinds.push_back(artifact::TokenKind::Normal);
    }
    std::vector<uint32_t> sorted(made.getSorted().begin(), made.getSorted().end());
    std::vector<artifact::Merge> merges;
    builder.Finish(artifact::CreateTokenizerDirect(builder, "gpt2", "gpt-2", &bytes, &offsets,
                                                   &kinds, &sorted, &none, &merges, -1, -1, false,
                                                   &none, nullptr, nullptr, false, tree));
    tokenizer = std::make_unique<rt::Tokenizer>(
        flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer()));
  }
  flatbuffers::FlatBufferBuilder builder;
  std::unique_ptr<rt::Tokenizer> tokenizer;
};

TEST(TokenTrie, IsMadeWhereTheArtifactHasNone) {
  TokenizerFixture fixture;
  fixture.add("ab");
  fixture.add("abc");
  Altered old(fixture, nullptr);
  EXPECT_TRUE(old.tokenizer->getTokenTree().empty());
  rt::TokenTrie made(*old.tokenizer);
  rt::TokenTrie stored(fixture.build());
  EXPECT_EQ(listTokens(made), listTokens(stored));
}

TEST(TokenTrie, RefusesTreesThatDoNotFit) {
  TokenizerFixture fixture;
  fixture.add("ab");
  auto tree = fixture.build().getTokenTree();
  const std::vector<artifact::TokenNode> good(tree.begin(), tree.end());
  auto refuses = [&](size_t at, artifact::TokenNode node) {
    auto nodes = good;
    nodes[at] = node;
    Altered altered(fixture, &nodes);
    EXPECT_THROW(rt::TokenTrie trie(*altered.tokenizer), rt::Failure);
  };
  // Node 'a' has one below it, so 'b' is that.
  const artifact::TokenNode a = good['a'], ab = good['b'];
  refuses(good.size() - 1, {1u << 30, 256, 255});
  refuses('a', {0, a.tokens(), a.byte()});
  refuses('a', {a.end(), a.tokens(), 'b'});
  refuses('b', {ab.end(), 1u << 30, ab.byte()});
  refuses('b', {ab.end(), 0, ab.byte()});
  // A sibling that comes twice, with what belongs to the first below the second.
  std::vector<artifact::TokenNode> twice;
  for (uint32_t node = 0; node < good.size(); ++node) {
    if (node == 'b') // "ab"
      twice.emplace_back(node + 2, good[node].tokens(), 'a');
    twice.emplace_back(good[node].end() + (node < 'b' ? 0 : 1), good[node].tokens(),
                       good[node].byte());
  }
  twice['a'] = {'b', a.tokens(), 'a'};
  Altered siblings(fixture, &twice);
  EXPECT_THROW(rt::TokenTrie trie(*siblings.tokenizer), rt::Failure);
  auto shorter = good;
  shorter.pop_back();
  Altered altered(fixture, &shorter);
  EXPECT_THROW(rt::TokenTrie trie(*altered.tokenizer), rt::Failure);
  Altered same(fixture, &good);
  EXPECT_NO_THROW(rt::TokenTrie trie(*same.tokenizer));
}

} // namespace
