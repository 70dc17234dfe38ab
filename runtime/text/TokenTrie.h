//===- TokenTrie.h - The vocabulary as a tree of bytes ----------*- C++ -*-===//
//
// The Normal tokens of a vocabulary by their bytes, for walks that find which
// tokens a constraint (Constraint.h) allows: what begins with refused bytes is
// refused at once. Knows neither data nor grammar.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_TOKENTRIE_H
#define NYALA_RUNTIME_TEXT_TOKENTRIE_H

#include "runtime/text/Tokenizer.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// A view of the artifact's tree, or a tree of its own where the artifact has none. Immutable; may
/// be shared by threads. The nodes are numbered depth first, and the root has no number: its
/// children are those of the range [0, size()).
class TokenTrie {
public:
  /// The tokenizer outlives this object and has passed validate(). Throws Failure(NYALA_CORRUPT) if
  /// the artifact's tree is not that of its tokens.
  explicit TokenTrie(const Tokenizer &tokenizer);
  TokenTrie(const TokenTrie &) = delete;
  TokenTrie &operator=(const TokenTrie &) = delete;

  const Tokenizer &getTokenizer() const { return tokenizer; }

  uint32_t size() const { return static_cast<uint32_t>(nodes.size()); }
  uint8_t getByte(uint32_t node) const { return nodes[node].byte(); }
  /// What is below a node is in (node, getEnd(node)); its next sibling, if there is one, is there.
  uint32_t getEnd(uint32_t node) const { return nodes[node].end(); }
  /// Ids of the tokens that end at a node: often none, several if they are spelled alike.
  std::span<const uint32_t> tokensAt(uint32_t node) const {
    return sorted.subspan(nodes[node].tokens(), firstToken(node + 1) - nodes[node].tokens());
  }
  /// Ids of the tokens that end at a node or below it.
  std::span<const uint32_t> tokensFrom(uint32_t node) const {
    return sorted.subspan(nodes[node].tokens(), firstToken(getEnd(node)) - nodes[node].tokens());
  }
  /// Is the byte alone a token?
  bool hasByte(uint8_t byte) const { return byteIsToken[byte]; }

  /// Stands for the root where a node is asked for.
  static constexpr uint32_t root = ~uint32_t{0};
  static constexpr uint32_t none = root - 1;
  /// The bytes that lead on from a node, ascending, and the nodes that they lead to.
  std::span<const uint8_t> childBytes(uint32_t node) const {
    return std::span(bytesOfChildren).subspan(children[node + 1], countChildren(node));
  }
  std::span<const uint32_t> childNodes(uint32_t node) const {
    return std::span(nodesOfChildren).subspan(children[node + 1], countChildren(node));
  }
  /// `none` if there is no such child.
  uint32_t findChild(uint32_t node, uint8_t byte) const {
    if (node == root)
      return first[byte];
    const std::span<const uint8_t> bytes = childBytes(node);
    const void *found = bytes.empty() ? nullptr : std::memchr(bytes.data(), byte, bytes.size());
    return found
               ? childNodes(
                     node)[static_cast<size_t>(static_cast<const uint8_t *>(found) - bytes.data())]
               : none;
  }

private:
  uint32_t countChildren(uint32_t node) const { return children[node + 2] - children[node + 1]; }
  uint32_t firstToken(uint32_t node) const {
    return node < nodes.size() ? nodes[node].tokens() : static_cast<uint32_t>(sorted.size());
  }
  void check() const;
  /// Fills what finds children without a walk past what is below those before them.
  void indexChildren();

  const Tokenizer &tokenizer;
  std::span<const uint32_t> sorted;
  std::vector<artifact::TokenNode> own; ///< empty: the artifact has them
  std::span<const artifact::TokenNode> nodes;
  std::array<bool, 256> byteIsToken{};
  std::array<uint32_t, 256> first{}; ///< the root's children by their byte
  /// By node + 1, so that the root comes first: where its children begin in the lists below.
  std::vector<uint32_t> children;
  std::vector<uint8_t> bytesOfChildren;
  std::vector<uint32_t> nodesOfChildren;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_TOKENTRIE_H
