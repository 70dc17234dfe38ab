//===- RewriteConstraint.cpp - Prose again, with references ---------------===//

#include "runtime/grounding/RewriteConstraint.h"

#include "runtime/core/Status.h"
#include "runtime/grounding/TokenSets.h"
#include "runtime/grounding/Words.h"

namespace nyala::rt::grounding {

RewriteConstraint::RewriteConstraint(const TokenTrie &trie, const DataTree &data,
                                     std::string_view prose, size_t vocabulary)
    : trie(trie), prose(prose), automaton(data, findUsable(trie)),
      opened(automaton.step(ReferenceAutomaton::pending, '{')), plain(findPlain(trie, vocabulary)),
      bits(plain.size()) {
  if (const size_t brace = prose.find("{{"); brace != std::string_view::npos)
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "byte " + std::to_string(brace) +
                      " of the prose: expected text without '{{', which opens references");
  findCosts();
  findSpans(data);
  findWordEnds();
  reserve();
}

/// What masks take at most.
void RewriteConstraint::reserve() {
  const Tokenizer &tokenizer = trie.getTokenizer();
  size_t longest = 0;
  for (uint32_t token : tokenizer.getSorted())
    longest = std::max(longest,
                       tokenizer.tokenBytes(static_cast<int32_t>(token), /*special=*/true).size());
  stack.reserve(longest);
  setTokens.reserve(tokenizer.size());
}

//===--------------------------------------------------------------------===//
// The prose
//===--------------------------------------------------------------------===//

void RewriteConstraint::findCosts() {
  const auto size = static_cast<uint32_t>(prose.size());
  costs.assign(size + 1, never);
  costs[size] = 0;
  for (uint32_t begin = size; begin-- > 0;) {
    uint32_t node = 0, end = trie.size(); // children of what was spelled so far
    for (uint32_t at = begin; at < size && node < end;) {
      if (trie.getByte(node) != static_cast<uint8_t>(prose[at])) {
        node = trie.getEnd(node);
        continue;
      }
      ++at;
      for (uint32_t token : trie.tokensAt(node))
        if (isAllowed(plain, static_cast<int32_t>(token)))
          costs[begin] = std::min(costs[begin], 1 + costs[at]);
      end = trie.getEnd(node);
      ++node;
    }
  }
  if (costs[0] >= never)
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "the prose has a byte that the model's vocabulary has no token for");
}

void RewriteConstraint::findSpans(const DataTree &data) {
  const std::bitset<256> usable = findUsable(trie);
  spanAt.assign(prose.size(), none);
  for (ValueSpan &span : findValues(data, prose)) {
    std::erase_if(span.references, [&](const std::string &reference) {
      return !std::ranges::all_of(reference,
                                  [&](char c) { return usable[static_cast<uint8_t>(c)]; });
    });
    if (span.references.empty())
      continue;
    spanAt[span.begin] = static_cast<uint32_t>(spans.size());
    spans.push_back(std::move(span));
  }
  nextSpan.assign(prose.size() + 1, static_cast<uint32_t>(prose.size()));
  for (auto at = static_cast<uint32_t>(prose.size()); at-- > 0;)
    nextSpan[at] = hasSpan(at) ? at : nextSpan[at + 1];
}

void RewriteConstraint::findWordEnds() {
  for (size_t at = 1; at <= prose.size(); ++at)
    if (isWordEnd(prose, at))
      wordEnds.push_back(static_cast<uint32_t>(at));
}

std::span<const uint32_t> RewriteConstraint::getResumes(uint32_t at) const {
  const bool isNumeral = isWordBegin(prose, at) && (isDigit(prose[at]) || prose[at] == '-');
  if (hasSpan(at) || !isNumeral || (at > 0 && prose[at - 1] == '{'))
    return {};
  const auto first = std::ranges::upper_bound(wordEnds, at);
  auto last = std::upper_bound(first, wordEnds.end(), nextSpan[at]);
  last = std::min(
      last, first + static_cast<ptrdiff_t>(std::min<size_t>(maxWords, wordEnds.end() - first)));
  return {first, last};
}

//===--------------------------------------------------------------------===//
// Steps
//===--------------------------------------------------------------------===//

/// A reference, at the first of the places where one may begin.
bool RewriteConstraint::open(State &from) const {
  for (uint32_t i = 0; i < from.count; ++i) {
    const uint32_t at = from.at[i];
    State next;
    next.at[0] = at;
    if (hasSpan(at)) {
      next.place = Place::Value;
      next.high = static_cast<uint32_t>(getSpan(at).references.size());
      next.depth = 1;
    } else if (!getResumes(at).empty()) {
      next.place = Place::Free;
      next.reference = ReferenceAutomaton::pending;
    } else {
      continue;
    }
    from = next;
    return true;
  }
  return false;
}

bool RewriteConstraint::stepCopy(State &from, uint8_t byte, bool mustRefer) const {
  State next;
  next.count = 0;
  for (uint32_t i = 0; i < from.count; ++i)
    if (const uint32_t at = from.at[i];
        at < prose.size() && static_cast<uint8_t>(prose[at]) == byte && !(mustRefer && hasSpan(at)))
      next.at[next.count++] = at + 1;
  if (next.count == 0)
    return byte == '{' && open(from);
  from = next;
  return true;
}

bool RewriteConstraint::stepValue(State &from, uint8_t byte) const {
  const ValueSpan &span = getSpan(from.at[0]);
  // Those that go on with the byte; no reference begins with another.
  const auto isBelow = [&](uint32_t at, unsigned bound) {
    return static_cast<uint8_t>(span.references[at][from.depth]) < bound;
  };
  const auto findFirst = [&](unsigned bound) {
    uint32_t low = from.low, high = from.high;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (isBelow(middle, bound))
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  const uint32_t low = findFirst(byte), high = findFirst(byte + 1u);
  if (low == high)
    return false;
  from.low = low;
  from.high = high;
  if (++from.depth < span.references[low].size())
    return true;
  from = State();
  from.at[0] = span.end;
  return true;
}

bool RewriteConstraint::stepFree(State &from, uint8_t byte) {
  if (from.reference == ReferenceAutomaton::pending && byte != '{')
    return false;
  const ReferenceAutomaton::State next = automaton.step(from.reference, byte);
  if (next == ReferenceAutomaton::dead)
    return false;
  from.reference = next;
  if (!ReferenceAutomaton::isText(next))
    return true;
  const std::span<const uint32_t> resumes = getResumes(from.at[0]);
  from = State();
  from.count = static_cast<uint8_t>(resumes.size());
  std::ranges::copy(resumes, from.at.begin());
  return true;
}

bool RewriteConstraint::step(State &from, uint8_t byte, bool mustRefer) {
  switch (from.place) {
  case Place::Copy:
    return stepCopy(from, byte, mustRefer);
  case Place::Value:
    return stepValue(from, byte);
  case Place::Free:
    break;
  }
  return stepFree(from, byte);
}

size_t RewriteConstraint::getLeast(const State &of) const {
  const auto copy = [&](std::span<const uint32_t> places) {
    uint32_t least = never;
    for (uint32_t at : places)
      least = std::min(least, costs[at]);
    return least;
  };
  switch (of.place) {
  case Place::Copy:
    return copy({of.at.data(), of.count});
  case Place::Value: {
    // The first of them, not the shortest: its bytes keep it the first.
    const ValueSpan &span = getSpan(of.at[0]);
    return span.references[of.low].size() - of.depth + costs[span.end];
  }
  case Place::Free:
    break;
  }
  const uint32_t close = of.reference == ReferenceAutomaton::pending
                             ? 1 + automaton.getLeast(opened)
                             : automaton.getLeast(of.reference);
  return close + copy(getResumes(of.at[0]));
}

//===--------------------------------------------------------------------===//
// Masks
//===--------------------------------------------------------------------===//

void RewriteConstraint::set(uint32_t token) {
  bits[token / 64] |= uint64_t{1} << (token % 64);
  setTokens.push_back(token);
}

bool RewriteConstraint::allow(size_t left, bool mustRefer) {
  stack.clear();
  for (uint32_t node = 0; node < trie.size();) {
    while (!stack.empty() && stack.back().end == node)
      stack.pop_back();
    State reached = stack.empty() ? state : stack.back().state;
    if (!step(reached, trie.getByte(node), mustRefer)) {
      node = trie.getEnd(node);
      continue;
    }
    if (getLeast(reached) <= left)
      for (uint32_t token : trie.tokensAt(node))
        if (isAllowed(plain, static_cast<int32_t>(token)))
          set(token);
    if (trie.getEnd(node) > node + 1)
      stack.push_back({trie.getEnd(node), reached});
    ++node;
  }
  return !setTokens.empty();
}

std::span<const uint64_t> RewriteConstraint::mask(size_t left) {
  if (isMasked && maskedState == state && maskedLeft == left)
    return bits;
  for (uint32_t token : setTokens)
    bits[token / 64] &= ~(uint64_t{1} << (token % 64));
  setTokens.clear();
  if (canEnd())
    for (uint32_t token : trie.getTokenizer().getStops())
      set(token);
  if (left > 0 && !allow(left - 1, /*mustRefer=*/true))
    allow(left - 1, /*mustRefer=*/false);
  maskedState = state;
  maskedLeft = left;
  isMasked = true;
  return bits;
}

bool RewriteConstraint::advance(int32_t token) {
  if (token < 0 || static_cast<size_t>(token) >= trie.getTokenizer().size() ||
      !isAllowed(plain, token))
    return false;
  State next = state;
  for (char byte : trie.getTokenizer().tokenBytes(token, /*special=*/false))
    if (!step(next, static_cast<uint8_t>(byte), /*mustRefer=*/false))
      return false;
  previous = state;
  state = next;
  return true;
}

bool RewriteConstraint::canEnd() const {
  const std::span<const uint32_t> places(state.at.data(), state.count);
  return state.place == Place::Copy && std::ranges::find(places, prose.size()) != places.end();
}

} // namespace nyala::rt::grounding
