//===- ReferenceConstraint.cpp - Tokens that keep references right --------===//

#include "runtime/grounding/ReferenceConstraint.h"

#include <utility>

namespace nyala::rt::grounding {

static std::bitset<256> findUsable(const TokenTrie &trie) {
  std::bitset<256> usable;
  for (size_t byte = 0; byte < 256; ++byte)
    usable[byte] = trie.hasByte(static_cast<uint8_t>(byte));
  return usable;
}

ReferenceConstraint::ReferenceConstraint(const TokenTrie &trie, const DataTree &data,
                                         size_t vocabulary)
    : trie(trie), automaton(data, findUsable(trie)) {
  const Tokenizer &tokenizer = trie.getTokenizer();
  const size_t words = (std::max(vocabulary, tokenizer.size()) + 63) / 64;
  plain.resize(words);
  auto bit = [](uint32_t token) { return uint64_t{1} << (token % 64); };
  for (uint32_t token : tokenizer.getSorted())
    if (!tokenizer.tokenBytes(static_cast<int32_t>(token), /*special=*/false).empty())
      plain[token / 64] |= bit(token);
  for (uint32_t token : tokenizer.getStops())
    plain[token / 64] &= ~bit(token);
  inText.bits = plain;
  for (uint32_t token : tokenizer.getStops())
    inText.bits[token / 64] |= bit(token);
  inReference.bits.resize(words);
  findExceptions(ReferenceAutomaton::text);
  findExceptions(ReferenceAutomaton::pending);
}

ReferenceConstraint::Range ReferenceConstraint::findExceptions(State from) {
  if (from < ranges.size() && ranges[from].begin <= ranges[from].end)
    return ranges[from];
  const bool isText = ReferenceAutomaton::isText(from);
  const auto begin = static_cast<uint32_t>(exceptions.size());
  auto except = [&](std::span<const uint32_t> tokens, uint32_t least) {
    for (uint32_t token : tokens)
      if (isPlain(token))
        exceptions.push_back({token, least});
  };
  stack.clear();
  for (uint32_t node = 0; node < trie.size();) {
    while (!stack.empty() && stack.back().end == node)
      stack.pop_back();
    State reached = automaton.step(stack.empty() ? from : stack.back().state, trie.getByte(node));
    if (reached == ReferenceAutomaton::dead) {
      if (isText)
        except(trie.tokensFrom(node), never);
      node = trie.getEnd(node);
      continue;
    }
    uint32_t least = automaton.getLeast(reached);
    if (!isText || least > 0)
      except(trie.tokensAt(node), least);
    if (trie.getEnd(node) > node + 1)
      stack.push_back({trie.getEnd(node), reached});
    ++node;
  }
  std::ranges::sort(exceptions.begin() + begin, exceptions.end(), {}, &Exception::least);
  // The states that the walk made get no walk of their own before they are visited, but room.
  if (ranges.size() < automaton.size())
    ranges.resize(automaton.size(), Range{1, 0});
  ranges[from] = {begin, static_cast<uint32_t>(exceptions.size())};
  return ranges[from];
}

void ReferenceConstraint::flip(Patched &mask, Range range) {
  for (uint32_t at = range.begin; at < range.end; ++at)
    mask.bits[exceptions[at].token / 64] ^= uint64_t{1} << (exceptions[at].token % 64);
}

std::span<const uint64_t> ReferenceConstraint::mask(size_t left) {
  const Range range = findExceptions(state);
  const bool isText = ReferenceAutomaton::isText(state);
  const size_t rest = left == 0 ? 0 : left - 1;
  // Exceptions up to here can be closed.
  auto closed = std::ranges::upper_bound(
      exceptions.begin() + range.begin, exceptions.begin() + range.end, rest, {},
      [](const Exception &exception) -> size_t { return exception.least; });
  const auto middle = static_cast<uint32_t>(closed - exceptions.begin());
  // In text exceptions are taken out, in a reference they are let in.
  const Range wanted = isText ? Range{middle, range.end} : Range{range.begin, middle};
  Patched &mask = isText ? inText : inReference;
  if (wanted.begin != mask.applied.begin || wanted.end != mask.applied.end) {
    flip(mask, mask.applied);
    flip(mask, wanted);
    mask.applied = wanted;
  }
  return mask.bits;
}

bool ReferenceConstraint::advance(int32_t token) {
  if (token < 0 || static_cast<size_t>(token) >= trie.getTokenizer().size() ||
      !isPlain(static_cast<uint32_t>(token)))
    return false;
  State next = state;
  for (char byte : trie.getTokenizer().tokenBytes(token, /*special=*/false)) {
    next = automaton.step(next, static_cast<uint8_t>(byte));
    if (next == ReferenceAutomaton::dead)
      return false;
  }
  previous = std::exchange(state, next);
  return true;
}

} // namespace nyala::rt::grounding
