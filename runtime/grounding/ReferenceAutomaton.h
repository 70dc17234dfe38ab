//===- ReferenceAutomaton.h - Text with references, by bytes ----*- C++ -*-===//
//
// The automaton of texts whose references (Reference.h) all parse and resolve in
// given data. A state is a place in the grammar together with a place in the
// data: a node and, within a key, the range of spellings that begin with the
// bytes so far. States are made when they are asked for.
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

#include "runtime/grounding/Filters.h"
#include "runtime/grounding/KeyEdges.h"

#include <bitset>
#include <unordered_map>

namespace nyala::rt::grounding {

/// The data outlive it. Belongs to one thread at a time.
class ReferenceAutomaton {
public:
  using State = uint32_t;
  static constexpr State text = 0;    ///< outside of references
  static constexpr State pending = 1; ///< behind a `{` that may open one; text, too
  static constexpr State dead = ~State{0};

  /// `usable`: bytes that can be written one by one; keys with others cannot be named. Throws
  /// Failure(NYALA_INVALID_ARGUMENT) if nothing in the data can be referred to, and
  /// NYALA_UNSUPPORTED if a byte of the grammar itself is not usable.
  ReferenceAutomaton(const DataTree &data, const std::bitset<256> &usable);

  /// `dead` if the byte may not come.
  State step(State state, uint8_t byte);
  static bool isText(State state) { return state <= pending; }
  /// Least number of bytes, all of them usable, that lead to text.
  uint32_t getLeast(State state) const { return infos[state].least; }
  /// States that were made so far.
  size_t size() const { return infos.size(); }

private:
  enum class Place : uint8_t {
    Text,
    Pending,
    Opened,       ///< behind {{
    Key,          ///< within the spelling of a key: a range of `group` of `node`
    Node,         ///< behind a path that ends at `node`
    BehindPath,   ///< behind it and a blank
    Operator,     ///< behind an operator
    Parenthesis,  ///< behind the closing one
    BeforeBar,    ///< behind it and a blank
    Bar,          ///< behind |
    Word,         ///< within the name of a filter: `depth` bytes of those in `filters`
    Round,        ///< behind round
    Digit,        ///< behind round(
    DigitEnd,     ///< behind round(1
    Date,         ///< within a format
    DateEnd,      ///< behind its quote
    Filtered,     ///< behind a filter that makes a `type`
    BehindFilter, ///< behind it and a blank
    Close,        ///< behind the first }
  };
  /// Which path of an expression.
  enum class Phase : uint8_t {
    Single,       ///< the only one, or the first of two
    GroupedFirst, ///< of two in parentheses
    Subtrahend,
    Divisor,
    GroupedSubtrahend,
    GroupedDivisor,
    Field, ///< no path: a field's name as an aggregate's argument
  };
  /// The edges of a node: two of paths, and the fields of an aggregate.
  enum class Group : uint8_t { Name, Bracket, Field };

  /// What makes two states the same. Fields that a place does not use are 0.
  struct Key {
    Place place;
    Phase phase = Phase::Single;
    Group group = Group::Name;
    Type type = Type::Number;
    uint16_t filters = 0;
    NodeId node = 0;
    uint32_t low = 0, high = 0; ///< range of edges; of Date the parts and whether a directive was
    uint32_t depth = 0;         ///< bytes of their spellings; of Date bytes of a directive
    bool operator==(const Key &) const = default;
  };
  struct Hash {
    size_t operator()(const Key &key) const;
  };
  struct Info {
    Key key;
    uint32_t least;
    uint32_t begin = 0, count = 0; ///< of transitions
    bool isExpanded = false;
  };
  struct Transition {
    uint8_t byte;
    State target;
  };
  struct NodeEdges {
    std::array<KeyEdges, 3> groups;
    FilterSet filters; ///< that take the node; asked for once, as they look at all elements
  };

  static Goal getGoal(Phase phase);
  FilterSet findFilters(NodeId node) const;
  void buildEdges(const std::bitset<256> &usable);
  void addChild(NodeId child, const std::bitset<256> &usable,
                std::array<std::vector<KeyEdges::Edge>, 3> &lists) const;
  const KeyEdges &getEdges(NodeId node, Group group) const;
  Cost getStart(Goal goal) const { return getEdges(DataTree::root, Group::Name).getLeast(goal); }
  /// Bytes from the end of a path to text.
  Cost getEndCost(Phase phase) const;
  Cost getFilterCost(Filter filter, NodeId node) const;
  Cost getLeast(const Key &key) const;

  State make(const Key &key);
  State makeKey(NodeId node, Group group, uint32_t low, uint32_t high, uint32_t depth, Phase phase);
  void expand(State state);
  void add(uint8_t byte, State target) { fresh.push_back({byte, target}); }
  void expandKey(const Key &key);
  void expandNode(NodeId node, Phase phase);
  void expandBehindPath(NodeId node, Phase phase);
  void expandWord(const Key &key);
  void expandDate(const Key &key);

  const DataTree &data;
  std::vector<NodeEdges> containers;
  std::vector<uint32_t> containerOf; ///< by node; of scalars not used
  std::vector<GoalCosts> tails;      ///< by node: from behind it to the end of a path
  std::vector<Info> infos;
  std::vector<Transition> transitions;
  std::vector<Transition> fresh; ///< of the state that is being expanded
  std::unordered_map<Key, State, Hash> states;
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_REFERENCEAUTOMATON_H
