//===- ReferenceAutomaton.h - Text with references, by bytes ----*- C++ -*-===//
//
// The automaton of texts whose references (Reference.h) all parse and resolve in
// given data. A state is a place in the grammar together with a place in the
// data (ReferenceState.h): a shape and, within a key, the range of spellings that
// begin with the bytes so far. What follows a state is found out when it is asked
// for, and kept nowhere.
//
//   text ──{──▶ pending ──{──▶ opened ──blank──▶ key ──▶ at ──▶ … ──}──▶ close ──}──▶ text
//    ▲             │                             ▲        │
//    └─any other───┘                             └─. or [─┘
//
// Every state but these leads back to text, and knows the least bytes that do.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_REFERENCEAUTOMATON_H
#define NYALA_RUNTIME_GROUNDING_REFERENCEAUTOMATON_H

#include "runtime/grounding/ReferenceState.h"

namespace nyala::rt::grounding {

/// Immutable; may be shared by threads. Refers to nothing in the data.
class ReferenceAutomaton {
public:
  using State = ReferenceState;
  static constexpr State text = {.place = State::Place::Text}; ///< outside of references
  /// Behind a `{` that may open one; text, too.
  static constexpr State pending = {.place = State::Place::Pending};
  static constexpr State dead = {.place = State::Place::Dead};

  /// Bytes that may come and where they lead, each byte once, in no order. In text others may come,
  /// too, and lead to `text`.
  class Transitions {
  public:
    void clear() { count = 0; }
    void add(uint8_t byte, const State &target) {
      bytes[count] = byte;
      targets[count++] = target;
    }
    size_t size() const { return count; }
    uint8_t getByte(size_t at) const { return bytes[at]; }
    const State &getTarget(size_t at) const { return targets[at]; }

  private:
    size_t count = 0;
    std::array<uint8_t, 256> bytes;
    std::array<State, 256> targets;
  };

  /// `usable`: bytes that can be written one by one; keys with others cannot be named. Throws
  /// Failure(NYALA_INVALID_ARGUMENT) if nothing in the data can be referred to, and
  /// NYALA_UNSUPPORTED if a byte of the grammar itself is not usable.
  ReferenceAutomaton(const DataTree &data, const std::bitset<256> &usable);

  /// `dead` if the byte may not come.
  State step(const State &state, uint8_t byte) const;
  /// Sets `next` to what may follow.
  void expand(const State &state, Transitions &next) const;
  static bool isText(const State &state) { return state.place <= State::Place::Pending; }
  /// Least number of bytes, all of them usable, that lead to text.
  Cost getLeast(const State &state) const;

  const Shapes &getShapes() const { return shapes; }

private:
  using Place = State::Place;
  using Phase = State::Phase;
  using Group = Shapes::Group;

  static Goal getGoal(Phase phase);
  Cost getStart(Goal goal) const { return start[static_cast<size_t>(goal)]; }
  /// Bytes from the end of a path to text.
  Cost getEndCost(Phase phase) const;

  State makeKey(ShapeId shape, Group group, uint32_t low, uint32_t high, uint32_t depth,
                Phase phase) const;
  /// The beginning of a path.
  State makeStart(Phase phase) const;
  // They call add(byte, target), each byte once.
  template <typename Add> void visit(const State &state, const Add &add) const;
  template <typename Add> void visitKey(const State &state, const Add &add) const;
  template <typename Add> void visitNode(ShapeId shape, Phase phase, const Add &add) const;
  template <typename Add> void visitBehindPath(ShapeId shape, Phase phase, const Add &add) const;
  template <typename Add> void visitWord(const State &state, const Add &add) const;
  template <typename Add> static void visitDate(const State &state, const Add &add);
  /// Those of a key's edges that go on with the byte; the key does not end here.
  State stepKey(const State &state, uint8_t byte) const;

  Shapes shapes;
  GoalCosts start; ///< of a path
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_REFERENCEAUTOMATON_H
