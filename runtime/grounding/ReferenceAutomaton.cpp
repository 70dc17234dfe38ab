//===- ReferenceAutomaton.cpp - Text with references, by bytes ------------===//

#include "runtime/grounding/ReferenceAutomaton.h"

#include "runtime/core/Status.h"
#include "runtime/grounding/DateFormat.h"
#include "runtime/grounding/Path.h"

namespace nyala::rt::grounding {
namespace {

constexpr Cost closeCost = 3;                           ///< " }}"
constexpr Cost barCost = 3;                             ///< " | "
constexpr Cost groupCost = 1 + barCost + 5 + closeCost; ///< ") | round }}"
constexpr Cost directiveCost = 2;                       ///< "%d"
constexpr Cost dateEndCost = 2 + closeCost;             ///< "\") }}"

bool isUsable(std::string_view text, const std::bitset<256> &usable) {
  return std::ranges::all_of(text, [&](char c) { return usable[static_cast<uint8_t>(c)]; });
}

Cost plus(Cost a, Cost b) { return std::min(never, a + b); }

} // namespace

size_t ReferenceAutomaton::Hash::operator()(const Key &key) const {
  uint64_t small = static_cast<uint64_t>(key.place) | static_cast<uint64_t>(key.phase) << 8 |
                   static_cast<uint64_t>(key.group) << 16 | static_cast<uint64_t>(key.type) << 24 |
                   uint64_t{key.filters} << 32;
  uint64_t hash = small * 0x9E3779B97F4A7C15;
  for (uint32_t part : {key.node, key.low, key.high, key.depth})
    hash = ((hash ^ hash >> 29) + part) * 0xBF58476D1CE4E5B9;
  return hash ^ hash >> 32;
}

ReferenceAutomaton::ReferenceAutomaton(const DataTree &data, const std::bitset<256> &usable)
    : data(data), containerOf(data.size()), tails(data.size()) {
  for (char c = ' '; c <= '~'; ++c)
    if (std::string_view("$&'*+;<=>?@\\^`!#~").find(c) == std::string_view::npos &&
        !usable[static_cast<uint8_t>(c)])
      throw Failure(NYALA_UNSUPPORTED, std::string("the model's vocabulary has no token for '") +
                                           c + "', which references are written with");
  buildEdges(usable);
  if (getStart(Goal::Value) >= never)
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "the data hold no value that text can refer to: expected an object or an array "
                  "with a value that is no object");
  make({.place = Place::Text});
  make({.place = Place::Pending});
}

// --- Costs --------------------------------------------------------------------

Goal ReferenceAutomaton::getGoal(Phase phase) {
  constexpr Goal goals[] = {Goal::Value,   Goal::Operand, Goal::Operand, Goal::Divisor,
                            Goal::Operand, Goal::Divisor, Goal::Value};
  return goals[static_cast<size_t>(phase)];
}

FilterSet ReferenceAutomaton::findFilters(NodeId node) const {
  return data[node].isContainer() ? containers[containerOf[node]].filters : getFilters(data, node);
}

void ReferenceAutomaton::addChild(NodeId child, const std::bitset<256> &usable,
                                  std::array<std::vector<KeyEdges::Edge>, 3> &lists) const {
  NodeId parent = data[child].parent;
  bool isElement = data[parent].kind == DataNode::Kind::Array;
  KeyEdges::Edge edge{{}, child, {}};
  Group group = Group::Bracket;
  if (parent == DataTree::root) {
    group = Group::Name;
    edge.spelling = spellFirst(data, child);
  } else if (isElement) {
    edge.spelling = std::to_string(data[child].position) + ']';
  } else if (isName(data[child].key, /*isFirst=*/false)) {
    group = Group::Name;
    edge.spelling = data[child].key;
  } else {
    edge.spelling = quote(data[child].key) + ']';
  }
  bool canSpell = isUsable(edge.spelling, usable);
  for (size_t goal = 0; goal < goalCount; ++goal)
    edge.costs[goal] =
        canSpell ? plus(static_cast<Cost>(edge.spelling.size()), tails[child][goal]) : never;
  lists[static_cast<size_t>(group)].push_back(std::move(edge));
}

void ReferenceAutomaton::buildEdges(const std::bitset<256> &usable) {
  // Children come after their parents.
  for (auto node = static_cast<NodeId>(data.size()); node-- > 0;) {
    GoalCosts &tail = tails[node];
    tail.fill(never);
    if (!data[node].isContainer()) {
      tail = {closeCost, isOperand(data, node) ? 0 : never, isDivisor(data, node) ? 0 : never};
      continue;
    }
    std::array<std::vector<KeyEdges::Edge>, 3> lists;
    for (NodeId child : data.getChildren(node))
      addChild(child, usable, lists);
    const FilterSet filters = getFilters(data, node);
    if (filters.has(Filter::SumOf))
      for (const std::string &field : findNumericFields(data, node)) {
        std::string spelling = quote(field) + ')';
        spelling.erase(0, 1); // sum(" has it
        Cost cost = isUsable(spelling, usable) ? static_cast<Cost>(spelling.size()) : never;
        lists[static_cast<size_t>(Group::Field)].push_back({spelling, node, {cost, cost, cost}});
      }
    containerOf[node] = static_cast<uint32_t>(containers.size());
    NodeEdges &edges = containers.emplace_back();
    edges.filters = filters;
    for (size_t group = 0; group < 3; ++group)
      edges.groups[group] = KeyEdges(std::move(lists[group]));
    for (size_t goal = 0; goal < goalCount; ++goal)
      for (Group group : {Group::Name, Group::Bracket})
        tail[goal] =
            std::min(tail[goal], plus(1, getEdges(node, group).getLeast(static_cast<Goal>(goal))));
    if (node != DataTree::root)
      for (Filter filter : {Filter::Sum, Filter::Count})
        if (filters.has(filter))
          tail[0] = std::min(tail[0], barCost + getFilterCost(filter, node));
  }
}

const KeyEdges &ReferenceAutomaton::getEdges(NodeId node, Group group) const {
  static const KeyEdges none;
  return data[node].isContainer() ? containers[containerOf[node]].groups[static_cast<size_t>(group)]
                                  : none;
}

Cost ReferenceAutomaton::getEndCost(Phase phase) const {
  switch (phase) {
  case Phase::Single:
    return 0; // tails have it
  case Phase::GroupedFirst:
    return plus(3, getStart(Goal::Operand) + groupCost);
  case Phase::Subtrahend:
  case Phase::Divisor:
  case Phase::Field:
    return closeCost;
  case Phase::GroupedSubtrahend:
  case Phase::GroupedDivisor:
    break;
  }
  return groupCost;
}

/// From the filter's name to text.
Cost ReferenceAutomaton::getFilterCost(Filter filter, NodeId node) const {
  auto word = static_cast<Cost>(getSpelling(filter).size());
  if (filter == Filter::Date)
    return word + directiveCost + dateEndCost;
  if (takesField(filter))
    return plus(word + closeCost, getEdges(node, Group::Field).getLeast(Goal::Value));
  return word + closeCost;
}

Cost ReferenceAutomaton::getLeast(const Key &key) const {
  switch (key.place) {
  case Place::Text:
  case Place::Pending:
    return 0;
  case Place::Opened:
    return 1 + getStart(Goal::Value);
  case Place::Key:
    return getEdges(key.node, key.group).getLeast(key.low, key.high, getGoal(key.phase)) -
           key.depth + getEndCost(key.phase);
  case Place::Node:
    return tails[key.node][static_cast<size_t>(getGoal(key.phase))] + getEndCost(key.phase);
  case Place::BehindPath:
    if (key.phase == Phase::GroupedFirst)
      return getEndCost(key.phase) - 1;
    if (key.phase != Phase::Single || isScalar(data, key.node))
      return closeCost - 1;
    return barCost - 1 +
           getFilterCost(findFilters(key.node).has(Filter::Sum) ? Filter::Sum : Filter::Count,
                         key.node);
  case Place::Operator:
    return 1 + getStart(getGoal(key.phase)) + getEndCost(key.phase);
  case Place::Parenthesis:
    return groupCost - 1;
  case Place::BeforeBar:
    return groupCost - 2;
  case Place::Bar:
  case Place::Word: {
    Cost least = never;
    for (size_t number = 0; number < filterCount; ++number)
      if (auto filter = static_cast<Filter>(number); FilterSet::fromBits(key.filters).has(filter))
        least = std::min(least, getFilterCost(filter, key.node));
    return key.place == Place::Bar ? 1 + least : least - key.depth;
  }
  case Place::Round:
  case Place::Filtered:
    return closeCost;
  case Place::Digit:
    return 2 + closeCost;
  case Place::DigitEnd:
    return 1 + closeCost;
  case Place::Date:
    return key.depth > 0 ? 1 + dateEndCost : (key.high ? 0 : directiveCost) + dateEndCost;
  case Place::DateEnd:
    return dateEndCost - 1;
  case Place::BehindFilter:
    return closeCost - 1;
  case Place::Close:
    return 1;
  }
  return never;
}

// --- States -------------------------------------------------------------------

ReferenceAutomaton::State ReferenceAutomaton::make(const Key &key) {
  auto [found, isNew] = states.try_emplace(key, static_cast<State>(infos.size()));
  if (isNew)
    infos.push_back({key, getLeast(key)});
  return found->second;
}

/// The edges of a range agree in `depth` bytes. Where there is only one and it is spelled out, the
/// state is that of what it leads to.
ReferenceAutomaton::State ReferenceAutomaton::makeKey(NodeId node, Group group, uint32_t low,
                                                      uint32_t high, uint32_t depth, Phase phase) {
  const KeyEdges::Edge &edge = getEdges(node, group)[low];
  if (high - low > 1 || edge.spelling.size() > depth)
    return make({.place = Place::Key,
                 .phase = phase,
                 .group = group,
                 .node = node,
                 .low = low,
                 .high = high,
                 .depth = depth});
  if (group == Group::Field)
    return make({.place = Place::Filtered, .type = Type::Number});
  return make({.place = Place::Node, .phase = phase, .node = edge.child});
}

ReferenceAutomaton::State ReferenceAutomaton::step(State state, uint8_t byte) {
  if (!infos[state].isExpanded)
    expand(state);
  const Info &info = infos[state];
  for (uint32_t at = info.begin; at < info.begin + info.count; ++at)
    if (transitions[at].byte == byte)
      return transitions[at].target;
  return isText(state) ? text : dead;
}

void ReferenceAutomaton::expand(State state) {
  const Key key = infos[state].key; // making states moves infos
  fresh.clear();
  switch (key.place) {
  case Place::Text:
    add('{', pending);
    break;
  case Place::Pending:
    add('{', make({.place = Place::Opened}));
    break;
  case Place::Opened: {
    const KeyEdges &first = getEdges(DataTree::root, Group::Name);
    add(' ', makeKey(DataTree::root, Group::Name, 0, first.size(), 0, Phase::Single));
    break;
  }
  case Place::Key:
    expandKey(key);
    break;
  case Place::Node:
    expandNode(key.node, key.phase);
    break;
  case Place::BehindPath:
    expandBehindPath(key.node, key.phase);
    break;
  case Place::Operator: {
    const KeyEdges &first = getEdges(DataTree::root, Group::Name);
    add(' ', makeKey(DataTree::root, Group::Name, 0, first.size(), 0, key.phase));
    break;
  }
  case Place::Parenthesis:
    add(' ', make({.place = Place::BeforeBar}));
    break;
  case Place::BeforeBar:
    add('|', make({.place = Place::Bar, .filters = getFilters(Type::Number).getBits()}));
    break;
  case Place::Bar:
    add(' ', make({.place = Place::Word, .filters = key.filters, .node = key.node}));
    break;
  case Place::Word:
    expandWord(key);
    break;
  case Place::Round:
    add('(', make({.place = Place::Digit}));
    add(' ', make({.place = Place::BehindFilter, .type = Type::Final}));
    break;
  case Place::Digit:
    for (uint8_t digit = '0'; digit <= '9'; ++digit)
      add(digit, make({.place = Place::DigitEnd}));
    break;
  case Place::DigitEnd:
    add(')', make({.place = Place::Filtered, .type = Type::Final}));
    break;
  case Place::Date:
    expandDate(key);
    break;
  case Place::DateEnd:
    add(')', make({.place = Place::Filtered, .type = Type::String}));
    break;
  case Place::Filtered:
    add(' ', make({.place = Place::BehindFilter, .type = key.type}));
    break;
  case Place::BehindFilter:
    add('}', make({.place = Place::Close}));
    if (FilterSet filters = getFilters(key.type); !filters.empty())
      add('|', make({.place = Place::Bar, .filters = filters.getBits()}));
    break;
  case Place::Close:
    add('}', text);
    break;
  }
  Info &info = infos[state];
  info.begin = static_cast<uint32_t>(transitions.size());
  info.count = static_cast<uint32_t>(fresh.size());
  info.isExpanded = true;
  transitions.insert(transitions.end(), fresh.begin(), fresh.end());
}

void ReferenceAutomaton::expandKey(const Key &key) {
  const KeyEdges &edges = getEdges(key.node, key.group);
  const Goal goal = getGoal(key.phase);
  bool isStart = key.node == DataTree::root && key.group == Group::Name && key.depth == 0;
  if (isStart && key.phase == Phase::Single && getStart(Goal::Operand) < never)
    add('(', makeKey(DataTree::root, Group::Name, 0, edges.size(), 0, Phase::GroupedFirst));
  uint32_t low = key.low;
  // A name that others begin with: a path may end here, or go on below it.
  if (edges[low].spelling.size() == key.depth) {
    if (edges[low].costs[static_cast<size_t>(goal)] < never)
      expandNode(edges[low].child, key.phase);
    ++low;
  }
  while (low < key.high) {
    char byte = edges[low].spelling[key.depth];
    uint32_t first = low, count = key.high - low;
    while (count > 0) {
      uint32_t half = count / 2;
      bool isSame = edges[first + half].spelling[key.depth] == byte;
      first += isSame ? half + 1 : 0;
      count = isSame ? count - half - 1 : half;
    }
    if (edges.getLeast(low, first, goal) < never)
      add(static_cast<uint8_t>(byte),
          makeKey(key.node, key.group, low, first, key.depth + 1, key.phase));
    low = first;
  }
}

void ReferenceAutomaton::expandNode(NodeId node, Phase phase) {
  const Goal goal = getGoal(phase);
  for (auto [group, byte] : {std::pair{Group::Name, '.'}, {Group::Bracket, '['}}) {
    const KeyEdges &edges = getEdges(node, group);
    if (edges.getLeast(goal) < never)
      add(static_cast<uint8_t>(byte), makeKey(node, group, 0, edges.size(), 0, phase));
  }
  bool canEnd = goal == Goal::Value     ? data[node].kind != DataNode::Kind::Object
                : goal == Goal::Operand ? isOperand(data, node)
                                        : isDivisor(data, node);
  if (!canEnd)
    return;
  if (phase == Phase::GroupedSubtrahend || phase == Phase::GroupedDivisor)
    add(')', make({.place = Place::Parenthesis}));
  else
    add(' ', make({.place = Place::BehindPath, .phase = phase, .node = node}));
}

void ReferenceAutomaton::expandBehindPath(NodeId node, Phase phase) {
  bool isSingle = phase == Phase::Single, isGrouped = phase == Phase::GroupedFirst;
  if (!isGrouped && (!isSingle || isScalar(data, node)))
    add('}', make({.place = Place::Close}));
  if (isSingle)
    if (FilterSet filters = findFilters(node); !filters.empty())
      add('|', make({.place = Place::Bar, .filters = filters.getBits(), .node = node}));
  if (!isSingle && !isGrouped)
    return;
  if (isOperand(data, node))
    add('-', make({.place = Place::Operator,
                   .phase = isGrouped ? Phase::GroupedSubtrahend : Phase::Subtrahend}));
  if (isDividend(data, node) && getStart(Goal::Divisor) < never)
    add('/', make({.place = Place::Operator,
                   .phase = isGrouped ? Phase::GroupedDivisor : Phase::Divisor}));
}

void ReferenceAutomaton::expandWord(const Key &key) {
  const FilterSet filters = FilterSet::fromBits(key.filters);
  std::array<FilterSet, 256> next{};
  for (size_t number = 0; number < filterCount; ++number) {
    auto filter = static_cast<Filter>(number);
    if (filters.has(filter) && getFilterCost(filter, key.node) < never)
      next[static_cast<uint8_t>(getSpelling(filter)[key.depth])].add(filter);
  }
  for (size_t byte = 0; byte < next.size(); ++byte) {
    if (next[byte].empty())
      continue;
    // No filter's name begins with another's, among those that one value takes.
    Filter filter{};
    while (!next[byte].has(filter))
      filter = static_cast<Filter>(static_cast<uint8_t>(filter) + 1);
    State target;
    if (getSpelling(filter).size() > key.depth + 1)
      target = make({.place = Place::Word,
                     .filters = next[byte].getBits(),
                     .node = key.node,
                     .depth = key.depth + 1});
    else if (filter == Filter::Round)
      target = make({.place = Place::Round});
    else if (filter == Filter::Date)
      target = make({.place = Place::Date, .node = key.node});
    else if (takesField(filter))
      target = makeKey(key.node, Group::Field, 0, getEdges(key.node, Group::Field).size(), 0,
                       Phase::Field);
    else
      target = make({.place = Place::Filtered, .type = getResult(filter)});
    add(static_cast<uint8_t>(byte), target);
  }
}

/// low: parts so far; high: 1 behind a directive; depth: 1 behind %, 2 behind %-.
void ReferenceAutomaton::expandDate(const Key &key) {
  Key next = key;
  next.depth = 0;
  if (key.depth == 0) {
    if (key.high)
      add('"', make({.place = Place::DateEnd}));
    // A directive has to fit in.
    next.low = key.low + 1;
    if (key.low + 1 < maxFormatParts)
      for (char separator : formatSeparators)
        add(static_cast<uint8_t>(separator), make(next));
    next.low = key.low;
    next.depth = 1;
    if (key.low < maxFormatParts)
      add('%', make(next));
    return;
  }
  if (key.depth == 1) {
    next.depth = 2;
    add('-', make(next));
    next.depth = 0;
  }
  next.low = key.low + 1;
  next.high = 1;
  bool hasTime = parseDate(data[key.node].text)->hasTime;
  for (char directive : numericDirectives)
    if (hasTime || !isOfTime(directive))
      add(static_cast<uint8_t>(directive), make(next));
  if (key.depth == 1)
    for (char directive : nameDirectives)
      add(static_cast<uint8_t>(directive), make(next));
}

} // namespace nyala::rt::grounding
