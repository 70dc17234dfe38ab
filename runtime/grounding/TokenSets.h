//===- TokenSets.h - What a vocabulary can write ----------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_GROUNDING_TOKENSETS_H
#define NYALA_RUNTIME_GROUNDING_TOKENSETS_H

#include "runtime/text/TokenTrie.h"

#include <algorithm>
#include <bitset>

namespace nyala::rt::grounding {

/// Bytes that are tokens.
inline std::bitset<256> findUsable(const TokenTrie &trie) {
  std::bitset<256> usable;
  for (size_t byte = 0; byte < 256; ++byte)
    usable[byte] = trie.hasByte(static_cast<uint8_t>(byte));
  return usable;
}

/// The Normal tokens with bytes, without those that end a generation, as a mask of `vocabulary`
/// ids, or as many as the tokenizer has.
inline std::vector<uint64_t> findPlain(const TokenTrie &trie, size_t vocabulary) {
  const Tokenizer &tokenizer = trie.getTokenizer();
  std::vector<uint64_t> plain((std::max(vocabulary, tokenizer.size()) + 63) / 64);
  const auto bit = [](uint32_t token) { return uint64_t{1} << (token % 64); };
  for (uint32_t node = 0; node < trie.size(); node = trie.getEnd(node))
    for (uint32_t token : trie.tokensFrom(node))
      plain[token / 64] |= bit(token);
  for (uint32_t token : tokenizer.getStops())
    plain[token / 64] &= ~bit(token);
  return plain;
}

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_TOKENSETS_H
