//===- TokenTree.h - Making the tree of tokens' bytes -----------*- C++ -*-===//
//
// The tree that artifacts hold (table Tokenizer, token_tree) and that the runtime
// makes for artifacts without one. Tokens that are sorted by bytes are in
// depth-first order, so a node needs no more than where what is below it ends.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_TOKENTREE_H
#define NYALA_RUNTIME_TEXT_TOKENTREE_H

#include "runtime/artifact_generated.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// The nodes of the tree, depth first, without the root, over `count` texts: getText(i) is the i-th
/// of them, as std::string_view, ascending. Time and size: the texts' bytes.
///
///   "a", "ab", "ac", "b"  →  a [end 3, tokens 0], b [2, 1], c [3, 2], b [4, 3]
template <typename GetText>
std::vector<artifact::TokenNode> buildTokenTree(size_t count, const GetText &getText) {
  std::vector<artifact::TokenNode> nodes;
  std::vector<uint32_t> open; ///< nodes on the way to the text before
  auto close = [&](size_t depth) {
    for (; open.size() > depth; open.pop_back()) {
      artifact::TokenNode &node = nodes[open.back()];
      node = {static_cast<uint32_t>(nodes.size()), node.tokens(), node.byte()};
    }
  };
  std::string_view before;
  for (size_t at = 0; at < count; ++at) {
    std::string_view text = getText(at);
    size_t shared = 0;
    while (shared < before.size() && shared < text.size() && before[shared] == text[shared])
      ++shared;
    close(shared);
    for (size_t depth = shared; depth < text.size(); ++depth) {
      open.push_back(static_cast<uint32_t>(nodes.size()));
      nodes.emplace_back(0, static_cast<uint32_t>(at), static_cast<uint8_t>(text[depth]));
    }
    before = text;
  }
  close(0);
  return nodes;
}

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_TOKENTREE_H
