//===- FuzzGrounding.cpp - Hostile data and references --------------------===//
//
// The input is JSON data, a NUL byte, a generation with references into them, a
// NUL byte, and choices among tokens. What the automaton makes of the data it must
// lead back from; a mask must have the tokens that may come and no others; what
// is chosen from masks must be closed at the limit and resolve.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Status.h"
#include "runtime/grounding/ReferenceConstraint.h"
#include "runtime/grounding/Spans.h"
#include "test/unit/text/TokenizerFixture.h"

#include <cstdint>
#include <cstdlib>
#include <optional>

using namespace nyala;
using namespace nyala::rt;
using namespace nyala::rt::grounding;

namespace {

/// Bytes, and tokens that straddle borders.
struct Vocabulary {
  Vocabulary() {
    for (const char *text :
         {"{{", "{{ ",    "x{{",  "{{{",      " }}",   "}}\n",   "}} {{ ",  "a",
          "ab", "points", " |",   " | ",      "round", "sum(\"", "\")",     "data[\"",
          "].", "a }} b", " - a", "date(\"%", "%d",    "0]",     "\xd0\xba"})
      if (fixture.find(text) == fixture.data.tokens.size())
        fixture.add(text);
    stop = static_cast<int32_t>(fixture.add("<|end|>", TokenKind::Control));
    fixture.data.stops = {static_cast<uint32_t>(stop)};
    tokenizer = &fixture.build();
    trie.emplace(*tokenizer);
  }

  TokenizerFixture fixture;
  int32_t stop;
  const Tokenizer *tokenizer;
  std::optional<TokenTrie> trie;
};

/// Has the mask the tokens that may come, and no others?
void compare(ReferenceConstraint &constraint, const Vocabulary &words, size_t left) {
  const std::span<const uint64_t> mask = constraint.mask(left);
  for (int32_t token = 0; token < static_cast<int32_t>(words.tokenizer->size()); ++token) {
    bool may = token == words.stop && constraint.canEnd();
    if (constraint.advance(token)) {
      may = constraint.getLeast() < left;
      constraint.undo();
    }
    if (may != isAllowed(mask, token))
      std::abort();
  }
}

/// Chooses tokens from masks; looks at one of eight token by token.
void choose(const DataTree &data, std::string_view choices) {
  static const Vocabulary words;
  ReferenceConstraint constraint(*words.trie, data, words.tokenizer->size());
  std::string text;
  std::vector<int32_t> allowed;
  for (size_t left = std::min<size_t>(choices.size(), 60); left > 0; --left) {
    const auto choice = static_cast<unsigned char>(choices[left - 1]);
    if (choice % 8 == 0)
      compare(constraint, words, left);
    const std::span<const uint64_t> mask = constraint.mask(left);
    allowed.clear();
    for (int32_t token = 0; token < static_cast<int32_t>(words.tokenizer->size()); ++token)
      if (isAllowed(mask, token))
        allowed.push_back(token);
    if (allowed.empty())
      std::abort();
    // Few lead into references.
    const bool opens = choice % 2 == 1 && isAllowed(mask, '{');
    const int32_t token = opens ? '{' : allowed[choice * 7 % allowed.size()];
    if (token == words.stop)
      break;
    if (!constraint.advance(token))
      std::abort();
    text += words.tokenizer->tokenBytes(token, /*special=*/false);
  }
  if (!constraint.canEnd())
    std::abort();
  ground(data, text); // must not throw
}

/// Takes the bytes of the text as far as they go, and the shortest way back from there.
void walk(const DataTree &data, std::string_view text) {
  ReferenceAutomaton automaton(data, std::bitset<256>().set());
  ReferenceAutomaton::State state = ReferenceAutomaton::text;
  std::string taken;
  for (char byte : text) {
    ReferenceAutomaton::State next = automaton.step(state, static_cast<uint8_t>(byte));
    if (next == ReferenceAutomaton::dead)
      break;
    state = next;
    taken += byte;
  }
  while (!ReferenceAutomaton::isText(state)) {
    int byte = 0;
    ReferenceAutomaton::State next = ReferenceAutomaton::dead;
    for (; byte < 256; ++byte) {
      next = automaton.step(state, static_cast<uint8_t>(byte));
      if (next != ReferenceAutomaton::dead && automaton.getLeast(next) < automaton.getLeast(state))
        break;
    }
    if (byte == 256)
      std::abort();
    state = next;
    taken += static_cast<char>(byte);
  }
  renderJsonLines(data, ground(data, taken)); // must not throw
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  std::string_view input(reinterpret_cast<const char *>(bytes), size);
  std::string_view json = input.substr(0, input.find('\0'));
  input.remove_prefix(std::min(size, json.size() + 1));
  std::string_view text = input.substr(0, input.find('\0'));
  std::string_view choices = input.substr(std::min(input.size(), text.size() + 1));
  std::optional<DataTree> data;
  try {
    data.emplace(json);
  } catch (const Failure &) {
    return 0;
  }
  try {
    ground(*data, text);
  } catch (const Failure &) {
  }
  try {
    ReferenceAutomaton automaton(*data, std::bitset<256>().set());
  } catch (const Failure &) {
    return 0;
  }
  walk(*data, text);
  choose(*data, choices);
  return 0;
}
