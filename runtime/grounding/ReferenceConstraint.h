//===- ReferenceConstraint.h - Tokens that keep references right -*- C++ -*-===//
//
// A Constraint that lets only such tokens come that every reference in the text
// parses and resolves in given data, and is closed before the text ends, also at
// the limit of tokens.
//
// A mask is all tokens (in text) or none (in a reference) but for exceptions,
// which a walk of the vocabulary's tree against the automaton finds once for each
// state. The mask in use is patched from one state's to the next's. A token that
// opens more than the rest of the limit can close is taken out: closing takes no
// more tokens than bytes.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_REFERENCECONSTRAINT_H
#define NYALA_RUNTIME_GROUNDING_REFERENCECONSTRAINT_H

#include "runtime/grounding/ReferenceAutomaton.h"
#include "runtime/text/Constraint.h"
#include "runtime/text/TokenTrie.h"

namespace nyala::rt::grounding {

class ReferenceConstraint final : public Constraint {
public:
  /// Trie and data outlive it. `vocabulary`: how many ids a mask covers, at least the tokenizer's.
  /// Throws as ReferenceAutomaton does.
  ReferenceConstraint(const TokenTrie &trie, const DataTree &data, size_t vocabulary);

  std::span<const uint64_t> mask(size_t left) override;
  bool advance(int32_t token) override;
  void undo() override { state = previous; }
  bool canEnd() const override { return ReferenceAutomaton::isText(state); }
  size_t getLeast() const override { return automaton.getLeast(state); }
  void reset() override { state = ReferenceAutomaton::text; }

  size_t countStates() const { return automaton.size(); }

private:
  using State = ReferenceAutomaton::State;
  /// A token that is not as the others of its state.
  struct Exception {
    uint32_t token;
    uint32_t least; ///< bytes that then are needed to close; `never`: it may not come
  };
  struct Range {
    uint32_t begin = 0, end = 0;
  };
  /// A mask and the exceptions that it has now.
  struct Patched {
    std::vector<uint64_t> bits;
    Range applied;
  };
  static constexpr uint32_t never = ~uint32_t{0};

  /// The exceptions of a state, ascending by `least`.
  Range findExceptions(State state);
  void flip(Patched &mask, Range range);
  bool isPlain(uint32_t token) const { return plain[token / 64] >> (token % 64) & 1; }

  const TokenTrie &trie;
  ReferenceAutomaton automaton;
  State state = ReferenceAutomaton::text;
  State previous = state;      ///< before the last advance()
  std::vector<uint64_t> plain; ///< Normal tokens with bytes, without those that end a generation
  Patched inText, inReference;
  std::vector<Exception> exceptions;
  std::vector<Range> ranges; ///< by state; begin > end: not made yet
  struct Open {
    uint32_t end;
    State state;
  };
  std::vector<Open> stack; ///< of a walk
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_REFERENCECONSTRAINT_H
