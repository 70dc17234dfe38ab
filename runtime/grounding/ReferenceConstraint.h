//===- ReferenceConstraint.h - Tokens that keep references right -*- C++ -*-===//
//
// A Constraint that lets only such tokens come that every reference in the text
// parses and resolves in given data, and is closed before the text ends, also at
// the limit of tokens.
//
// A mask is all tokens (in text) or none (in a reference) but for exceptions. A
// walk of the vocabulary's tree together with the automaton finds them, once for
// each state that is visited. The mask in use is patched from one state's to the
// next's. A token that opens more than the rest of the limit can close is taken
// out: closing takes no more tokens than bytes.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_REFERENCECONSTRAINT_H
#define NYALA_RUNTIME_GROUNDING_REFERENCECONSTRAINT_H

#include "runtime/grounding/ReferenceAutomaton.h"
#include "runtime/text/Constraint.h"
#include "runtime/text/TokenTrie.h"

namespace nyala::rt::grounding {

/// All memory is reserved at first; the states that are remembered are forgotten when it is full.
class ReferenceConstraint final : public Constraint {
public:
  /// The trie outlives it. `vocabulary`: how many ids a mask covers, at least the tokenizer's.
  /// Throws as ReferenceAutomaton does.
  ReferenceConstraint(const TokenTrie &trie, const DataTree &data, size_t vocabulary);

  std::span<const uint64_t> mask(size_t left) override;
  bool advance(int32_t token) override;
  void undo() override { state = previous; }
  bool canEnd() const override { return ReferenceAutomaton::isText(state); }
  size_t getLeast() const override { return automaton.getLeast(state); }
  void reset() override { state = ReferenceAutomaton::text; }

  /// States whose masks are remembered.
  size_t countStates() const { return visited.size(); }

private:
  using State = ReferenceAutomaton::State;
  /// A token that is not as the others of its state.
  struct Exception {
    uint32_t token;
    Cost least; ///< bytes that then are needed to close; `never`: it may not come
  };
  struct List {
    uint32_t begin = 0, end = 0; ///< of `exceptions`
    Cost most = 0;               ///< the largest `least` but `never`
  };
  /// A mask and the exceptions that it has now: those that `rest` bytes can close.
  struct Patched {
    std::vector<uint64_t> bits;
    List list;
    Cost rest = 0;
  };
  struct Visited {
    State state;
    List list;
  };
  /// A node of the trie, and where the automaton is behind it.
  struct Reached {
    uint32_t node;
    State state;
  };

  void findInText();
  /// What `{{`, spelled by the way to the node, makes of the tokens at it and below it.
  void exceptOpened(uint32_t node);
  /// Calls visit(node, state) for all nodes below `node`, behind which the automaton is in `from`,
  /// that it can follow.
  template <typename Visit> void walk(uint32_t node, const State &from, const Visit &visit);
  void except(uint32_t token, Cost least);
  /// Ends the list that begins at `begin`.
  List finish(size_t begin);
  const List &find(const State &state);
  void forget();

  template <typename Flips> void flip(Patched &mask, const Flips &flips);
  bool isPlain(uint32_t token) const { return plain[token / 64] >> (token % 64) & 1; }

  const TokenTrie &trie;
  ReferenceAutomaton automaton;
  State state = ReferenceAutomaton::text;
  State previous = state;      ///< before the last advance()
  std::vector<uint64_t> plain; ///< Normal tokens with bytes, without those that end a generation
  Patched inText, inReference;
  List ofText, ofPending;
  std::vector<Exception> exceptions; ///< those of text and pending first
  size_t kept = 0;                   ///< how many those are
  // A hash table of states in references, with open addressing.
  std::vector<Visited> visited;
  std::vector<uint32_t> slots; ///< 1 + number in `visited`; 0: free
  // Of a walk.
  std::vector<Reached> reached;
  ReferenceAutomaton::Transitions next;
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_REFERENCECONSTRAINT_H
