//===- RewriteConstraint.h - Prose again, with references -------*- C++ -*-===//
//
// A Constraint under which a text is written once more, with references into data
// in place of words. It is the same byte by byte, but that
//
//  - where words spell a value of the data (ValueSpans.h) a reference that shows
//    it stands in their place: which one, of several that show the same, is open;
//  - at any other numeral a reference may be opened, to anything
//    (ReferenceAutomaton.h), which stands for the numeral and up to 3 words behind
//    it, none of them one of those. The text goes on behind one of these words,
//    whichever the bytes that follow fit.
//
//   Boston scored 101.   ─▶   {{ visitor.city }} scored {{ visitor.points }}.
//
// The text ends where the prose does. Values are copied, too, if the limit of
// tokens leaves no room for their references.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_REWRITECONSTRAINT_H
#define NYALA_RUNTIME_GROUNDING_REWRITECONSTRAINT_H

#include "runtime/grounding/ReferenceAutomaton.h"
#include "runtime/grounding/ValueSpans.h"
#include "runtime/text/Constraint.h"
#include "runtime/text/TokenTrie.h"

namespace nyala::rt::grounding {

class RewriteConstraint final : public Constraint {
public:
  static constexpr size_t maxWords = 4;

  /// Trie and data outlive it. `vocabulary`: how many ids a mask covers, at least the tokenizer's.
  /// getLeast() is then what copying the prose takes. Throws as ReferenceAutomaton does, and
  /// Failure(NYALA_INVALID_ARGUMENT) if the prose has `{{`, or a byte that no token has.
  RewriteConstraint(const TokenTrie &trie, const DataTree &data, std::string_view prose,
                    size_t vocabulary);

  std::span<const uint64_t> mask(size_t left) override;
  bool advance(int32_t token) override;
  void undo() override { state = previous; }
  bool canEnd() const override;
  size_t getLeast() const override { return getLeast(state); }
  void reset() override { state = State(); }

private:
  enum class Place : uint8_t {
    Copy,  ///< in the prose
    Value, ///< in a reference in place of a span that spells a value
    Free,  ///< in one in place of a numeral and what follows
  };
  struct State {
    Place place = Place::Copy;
    uint8_t count = 1;
    /// Bytes of the prose: of Copy where the text may be, ascending; else where the reference
    /// began.
    std::array<uint32_t, maxWords> at = {};
    /// Of Value: the references of its span that begin alike, and how many bytes they do.
    uint32_t low = 0, high = 0, depth = 0;
    ReferenceAutomaton::State reference = ReferenceAutomaton::text; ///< of Free
    bool operator==(const State &) const = default;
  };
  static constexpr uint32_t none = ~uint32_t{0};

  void findCosts();
  void findSpans(const DataTree &data);
  void findWordEnds();
  void reserve();
  bool hasSpan(uint32_t at) const { return at < spanAt.size() && spanAt[at] != none; }
  const ValueSpan &getSpan(uint32_t at) const { return spans[spanAt[at]]; }
  /// Word ends where a text may go on behind a free reference that began at `at`: a range of
  /// wordEnds. Empty if no reference may begin there.
  std::span<const uint32_t> getResumes(uint32_t at) const;

  /// False if the byte may not come. `mustRefer`: values may not be copied.
  bool step(State &from, uint8_t byte, bool mustRefer);
  bool open(State &from) const;
  bool stepCopy(State &from, uint8_t byte, bool mustRefer) const;
  bool stepValue(State &from, uint8_t byte) const;
  bool stepFree(State &from, uint8_t byte);
  size_t getLeast(const State &of) const;
  /// Adds the tokens after which the rest, `left` tokens, will do. Returns whether there are any.
  bool allow(size_t left, bool mustRefer);
  void set(uint32_t token);

  const TokenTrie &trie;
  const std::string prose;
  ReferenceAutomaton automaton;
  ReferenceAutomaton::State opened; ///< behind {{
  std::vector<uint64_t> plain;      ///< tokens that are text
  std::vector<uint32_t> costs;      ///< by byte of the prose: tokens that copy what follows
  std::vector<ValueSpan> spans;     ///< ascending
  std::vector<uint32_t> spanAt;     ///< by byte: the span that begins there, or none
  std::vector<uint32_t> nextSpan;   ///< by byte: where the next one begins, or the prose ends
  std::vector<uint32_t> wordEnds;   ///< ascending
  State state, previous;
  std::vector<uint64_t> bits;
  std::vector<uint32_t> setTokens; ///< what bits has
  State maskedState;               ///< whose mask it is
  size_t maskedLeft = 0;
  bool isMasked = false;
  struct Open {
    uint32_t end;
    State state;
  };
  std::vector<Open> stack; ///< of a walk
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_REWRITECONSTRAINT_H
