//===- ReferenceConstraint.cpp - Tokens that keep references right --------===//

#include "runtime/grounding/ReferenceConstraint.h"

#include "runtime/grounding/TokenSets.h"

#include <utility>

namespace nyala::rt::grounding {

/// Of states that are remembered, and of their exceptions.
static constexpr size_t maxVisited = 1 << 14, maxExceptions = 1 << 19;

ReferenceConstraint::ReferenceConstraint(const TokenTrie &trie, const DataTree &data,
                                         size_t vocabulary)
    : trie(trie), automaton(data, findUsable(trie)), plain(findPlain(trie, vocabulary)),
      slots(2 * maxVisited) {
  inText.bits = plain;
  for (uint32_t token : trie.getTokenizer().getStops())
    inText.bits[token / 64] |= uint64_t{1} << (token % 64);
  inReference.bits.resize(plain.size());
  visited.reserve(maxVisited);
  reached.reserve(trie.size() + 1);
  findInText();
  // A list more always has room.
  exceptions.reserve(kept + trie.getTokenizer().size() + maxExceptions);
}

//===----------------------------------------------------------------------===//
// Walks
//===----------------------------------------------------------------------===//

template <typename Visit>
void ReferenceConstraint::walk(uint32_t node, const State &from, const Visit &visit) {
  auto reach = [&](uint32_t child, const State &there) {
    visit(child, there);
    if (trie.getEnd(child) > child + 1)
      reached.push_back({child, there});
  };
  reached.clear();
  reached.push_back({node, from});
  while (!reached.empty()) {
    const Reached here = reached.back();
    reached.pop_back();
    if (ReferenceAutomaton::isText(here.state)) {
      const std::span<const uint8_t> bytes = trie.childBytes(here.node);
      const std::span<const uint32_t> nodes = trie.childNodes(here.node);
      for (size_t at = 0; at < bytes.size(); ++at)
        reach(nodes[at], automaton.step(here.state, bytes[at]));
      continue;
    }
    automaton.expand(here.state, next);
    for (size_t at = 0; at < next.size(); ++at)
      if (const uint32_t child = trie.findChild(here.node, next.getByte(at));
          child != TokenTrie::none)
        reach(child, next.getTarget(at));
  }
}

void ReferenceConstraint::except(uint32_t token, Cost least) {
  if (isPlain(token))
    exceptions.push_back({token, least});
}

ReferenceConstraint::List ReferenceConstraint::finish(size_t begin) {
  List list = {static_cast<uint32_t>(begin), static_cast<uint32_t>(exceptions.size())};
  for (size_t at = begin; at < exceptions.size(); ++at)
    if (exceptions[at].least < never)
      list.most = std::max(list.most, exceptions[at].least);
  return list;
}

void ReferenceConstraint::exceptOpened(uint32_t node) {
  const State opened = automaton.step(ReferenceAutomaton::pending, '{');
  // What the walk does not reach may not come.
  const std::span<const uint32_t> all = trie.tokensFrom(node);
  std::vector<Cost> costs(all.size(), never);
  auto set = [&](uint32_t at, const State &there) {
    const std::span<const uint32_t> tokens = trie.tokensAt(at);
    if (!tokens.empty())
      std::fill_n(costs.begin() + (tokens.data() - all.data()), tokens.size(),
                  automaton.getLeast(there));
  };
  set(node, opened);
  walk(node, opened, set);
  for (size_t at = 0; at < all.size(); ++at)
    if (costs[at] > 0)
      except(all[at], costs[at]);
}

/// Text allows all but what opens a reference. Tokens that begin with `{` are an exception of their
/// own behind another one, so the lists are
///
///   [ begin with {, behind text ][ do not ][ begin with {, behind { ]
///   [           of text                   ]
///                                [            of pending            ]
void ReferenceConstraint::findInText() {
  const uint32_t brace = trie.findChild(TokenTrie::root, '{');
  std::vector<uint32_t> opened; // second braces ahead, those further away first
  auto scan = [&](uint32_t begin, uint32_t end) {
    for (uint32_t node = begin; node < end;) {
      if (!opened.empty() && opened.back() == node) {
        opened.pop_back();
        exceptOpened(node);
        node = trie.getEnd(node);
        continue;
      }
      if (trie.getByte(node) == '{')
        if (const uint32_t second = trie.findChild(node, '{'); second != TokenTrie::none)
          opened.push_back(second);
      ++node;
    }
  };
  // The byte is a token, so there is such a node.
  scan(brace, trie.getEnd(brace));
  const size_t middle = exceptions.size();
  scan(0, brace);
  scan(trie.getEnd(brace), trie.size());
  ofText = finish(0);
  exceptOpened(brace);
  ofPending = finish(middle);
  kept = exceptions.size();
}

const ReferenceConstraint::List &ReferenceConstraint::find(const State &wanted) {
  if (ReferenceAutomaton::isText(wanted))
    return wanted == ReferenceAutomaton::text ? ofText : ofPending;
  const size_t last = slots.size() - 1;
  size_t slot = wanted.hash() & last;
  for (; slots[slot] != 0; slot = (slot + 1) & last)
    if (const Visited &known = visited[slots[slot] - 1]; known.state == wanted)
      return known.list;
  if (visited.size() == maxVisited || exceptions.size() - kept > maxExceptions) {
    forget();
    slot = wanted.hash() & last;
  }
  const size_t begin = exceptions.size();
  walk(TokenTrie::root, wanted, [&](uint32_t node, const State &there) {
    const std::span<const uint32_t> tokens = trie.tokensAt(node);
    if (tokens.empty())
      return;
    const Cost least = automaton.getLeast(there);
    for (uint32_t token : tokens)
      except(token, least);
  });
  visited.push_back({wanted, finish(begin)});
  slots[slot] = static_cast<uint32_t>(visited.size());
  return visited.back().list;
}

void ReferenceConstraint::forget() {
  std::ranges::fill(inReference.bits, 0);
  inReference.list = {};
  visited.clear();
  std::ranges::fill(slots, 0);
  exceptions.resize(kept);
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// Flips the tokens that `flips` says by their least.
template <typename Flips> void ReferenceConstraint::flip(Patched &mask, const Flips &flips) {
  for (uint32_t at = mask.list.begin; at < mask.list.end; ++at)
    if (const Exception &exception = exceptions[at]; flips(exception.least))
      mask.bits[exception.token / 64] ^= uint64_t{1} << (exception.token % 64);
}

std::span<const uint64_t> ReferenceConstraint::mask(size_t left) {
  const List &list = find(state);
  const bool isText = ReferenceAutomaton::isText(state);
  Patched &mask = isText ? inText : inReference;
  // More than all need makes no difference.
  const auto rest = static_cast<Cost>(std::min<size_t>(left == 0 ? 0 : left - 1, list.most));
  if (mask.list.begin == list.begin && mask.list.end == list.end && mask.rest == rest)
    return mask.bits;
  // In text exceptions are taken out, in a reference they are let in.
  auto flipAll = [&] { flip(mask, [&](Cost least) { return (least <= mask.rest) != isText; }); };
  flipAll();
  mask.list = list;
  mask.rest = rest;
  flipAll();
  return mask.bits;
}

bool ReferenceConstraint::advance(int32_t token) {
  if (token < 0 || static_cast<size_t>(token) >= trie.getTokenizer().size() ||
      !isPlain(static_cast<uint32_t>(token)))
    return false;
  State there = state;
  for (char byte : trie.getTokenizer().tokenBytes(token, /*special=*/false)) {
    there = automaton.step(there, static_cast<uint8_t>(byte));
    if (there == ReferenceAutomaton::dead)
      return false;
  }
  previous = std::exchange(state, there);
  return true;
}

} // namespace nyala::rt::grounding
