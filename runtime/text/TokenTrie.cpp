//===- TokenTrie.cpp - The vocabulary as a tree of bytes ------------------===//

#include "runtime/text/TokenTrie.h"

#include "runtime/core/Status.h"
#include "runtime/text/TokenTree.h"

#include <string>

namespace nyala::rt {

TokenTrie::TokenTrie(const Tokenizer &tokenizer)
    : tokenizer(tokenizer), sorted(tokenizer.getSorted()), nodes(tokenizer.getTokenTree()) {
  if (nodes.empty()) {
    own = buildTokenTree(sorted.size(), [&](size_t at) {
      return tokenizer.tokenBytes(static_cast<int32_t>(sorted[at]), /*special=*/false);
    });
    nodes = own;
  } else {
    check();
  }
  indexChildren();
  first.fill(none);
  for (uint32_t node : childNodes(root)) {
    first[getByte(node)] = node;
    byteIsToken[getByte(node)] = !tokensAt(node).empty();
  }
}

void TokenTrie::indexChildren() {
  // Counts first: what is a node's child is seen from the end of the node before it.
  std::vector<uint32_t> parents(size()), open;
  children.assign(size() + 2, 0);
  for (uint32_t node = 0; node < size(); ++node) {
    while (!open.empty() && getEnd(open.back()) == node)
      open.pop_back();
    parents[node] = open.empty() ? root : open.back();
    ++children[parents[node] + 2];
    open.push_back(node);
  }
  for (size_t at = 1; at < children.size(); ++at)
    children[at] += children[at - 1];
  bytesOfChildren.resize(size());
  nodesOfChildren.resize(size());
  std::vector<uint32_t> next(children.begin(), children.end() - 1);
  for (uint32_t node = 0; node < size(); ++node) {
    const uint32_t at = next[parents[node] + 1]++;
    bytesOfChildren[at] = getByte(node);
    nodesOfChildren[at] = node;
  }
}

/// Every node must lie within the one above it and behind siblings of lesser bytes, and every token
/// must be spelled by the way to the node that it ends at. The order of the tokens does the rest.
void TokenTrie::check() const {
  auto corrupt = [](uint32_t node) {
    throw Failure(NYALA_CORRUPT, "corrupt tokenizer: node " + std::to_string(node) +
                                     " of the tree of its tokens does not fit them; compile the "
                                     "model again");
  };
  std::vector<uint32_t> ends; ///< of the nodes on the way
  std::string text;           ///< their bytes
  uint32_t token = 0;         ///< the next that has not been met
  auto meet = [&](uint32_t node, uint32_t end) {
    if (end < token || end > sorted.size())
      corrupt(node);
    for (; token < end; ++token)
      if (tokenizer.tokenBytes(static_cast<int32_t>(sorted[token]), /*special=*/false) != text)
        corrupt(node);
  };
  for (uint32_t node = 0; node < size(); ++node) {
    // The tokens before this node's first end at the node before it, or are empty.
    meet(node, nodes[node].tokens());
    int before = -1; // the byte of the sibling before
    while (!ends.empty() && ends.back() == node) {
      before = static_cast<uint8_t>(text.back());
      ends.pop_back();
      text.pop_back();
    }
    if (getByte(node) <= before)
      corrupt(node);
    uint32_t limit = ends.empty() ? size() : ends.back();
    if (getEnd(node) <= node || getEnd(node) > limit)
      corrupt(node);
    ends.push_back(getEnd(node));
    text += static_cast<char>(getByte(node));
  }
  meet(size() - 1, static_cast<uint32_t>(sorted.size()));
}

} // namespace nyala::rt
