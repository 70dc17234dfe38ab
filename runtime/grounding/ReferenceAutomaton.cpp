//===- ReferenceAutomaton.cpp - Text with references, by bytes ------------===//

#include "runtime/grounding/ReferenceAutomaton.h"

#include "runtime/core/Status.h"
#include "runtime/grounding/DateFormat.h"

namespace nyala::rt::grounding {
namespace {

constexpr Cost groupCost = 1 + barCost + 5 + closeCost; ///< ") | round }}"
constexpr Cost directiveCost = 2;                       ///< "%d"
constexpr Cost dateEndCost = 2 + closeCost;             ///< "\") }}"

} // namespace

ReferenceAutomaton::ReferenceAutomaton(const DataTree &data, const std::bitset<256> &usable)
    : shapes(data, usable) {
  for (char c = ' '; c <= '~'; ++c)
    if (std::string_view("$&'*+;<=>?@\\^`!#~").find(c) == std::string_view::npos &&
        !usable[static_cast<uint8_t>(c)])
      throw Failure(NYALA_UNSUPPORTED, std::string("the model's vocabulary has no token for '") +
                                           c + "', which references are written with");
  for (size_t goal = 0; goal < goalCount; ++goal)
    start[goal] = shapes.getEdges(shapes.getRoot(), Group::Name).getLeast(static_cast<Goal>(goal));
  if (getStart(Goal::Value) >= never)
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "the data hold no value that text can refer to: expected an object or an array "
                  "with a value that is no object");
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

Goal ReferenceAutomaton::getGoal(Phase phase) {
  constexpr Goal goals[] = {Goal::Value,   Goal::Operand, Goal::Operand, Goal::Divisor,
                            Goal::Operand, Goal::Divisor, Goal::Value};
  return goals[static_cast<size_t>(phase)];
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

Cost ReferenceAutomaton::getLeast(const State &state) const {
  switch (state.place) {
  case Place::Text:
  case Place::Pending:
    return 0;
  case Place::Opened:
    return 1 + getStart(Goal::Value);
  case Place::Key:
    return shapes.getEdges(state.shape, state.group)
               .getLeast(state.low, state.high, getGoal(state.phase)) -
           state.depth + getEndCost(state.phase);
  case Place::Node:
    return shapes[state.shape].tail[static_cast<size_t>(getGoal(state.phase))] +
           getEndCost(state.phase);
  case Place::BehindPath:
    if (state.phase == Phase::GroupedFirst)
      return getEndCost(state.phase) - 1;
    if (state.phase != Phase::Single || shapes[state.shape].isScalar)
      return closeCost - 1;
    return barCost - 1 +
           getFilterCost(shapes[state.shape].filters.has(Filter::Sum) ? Filter::Sum : Filter::Count,
                         shapes[state.shape]);
  case Place::Operator:
    return 1 + getStart(getGoal(state.phase)) + getEndCost(state.phase);
  case Place::Parenthesis:
    return groupCost - 1;
  case Place::BeforeBar:
    return groupCost - 2;
  case Place::Bar:
  case Place::Word: {
    Cost least = never;
    for (size_t number = 0; number < filterCount; ++number)
      if (auto filter = static_cast<Filter>(number); FilterSet::fromBits(state.filters).has(filter))
        least = std::min(least, getFilterCost(filter, shapes[state.shape]));
    return state.place == Place::Bar ? 1 + least : least - state.depth;
  }
  case Place::Round:
  case Place::Filtered:
    return closeCost;
  case Place::Digit:
    return 2 + closeCost;
  case Place::DigitEnd:
    return 1 + closeCost;
  case Place::Date:
    return state.depth > 0 ? 1 + dateEndCost
                           : (state.high & State::hasDirective ? 0 : directiveCost) + dateEndCost;
  case Place::DateEnd:
    return dateEndCost - 1;
  case Place::BehindFilter:
    return closeCost - 1;
  case Place::Close:
    return 1;
  case Place::Dead:
    break;
  }
  return never;
}

//===----------------------------------------------------------------------===//
// Transitions
//===----------------------------------------------------------------------===//

/// The edges of a range agree in `depth` bytes. Where there is only one and it is spelled out, the
/// state is that of what it leads to.
ReferenceState ReferenceAutomaton::makeKey(ShapeId shape, Group group, uint32_t low, uint32_t high,
                                           uint32_t depth, Phase phase) const {
  const KeyEdges &edges = shapes.getEdges(shape, group);
  if (high - low > 1 || edges.getSpelling(low).size() > depth)
    return {.place = Place::Key,
            .phase = phase,
            .group = group,
            .shape = shape,
            .low = low,
            .high = high,
            .depth = depth};
  if (group == Group::Field)
    return {.place = Place::Filtered, .type = Type::Number};
  return {.place = Place::Node, .phase = phase, .shape = edges.getChild(low)};
}

ReferenceState ReferenceAutomaton::makeStart(Phase phase) const {
  const ShapeId root = shapes.getRoot();
  return makeKey(root, Group::Name, 0, shapes.getEdges(root, Group::Name).size(), 0, phase);
}

template <typename Add> void ReferenceAutomaton::visit(const State &state, const Add &add) const {
  switch (state.place) {
  case Place::Text:
    return add('{', pending);
  case Place::Pending:
    return add('{', {.place = Place::Opened});
  case Place::Opened:
    return add(' ', makeStart(Phase::Single));
  case Place::Key:
    return visitKey(state, add);
  case Place::Node:
    return visitNode(state.shape, state.phase, add);
  case Place::BehindPath:
    return visitBehindPath(state.shape, state.phase, add);
  case Place::Operator:
    return add(' ', makeStart(state.phase));
  case Place::Parenthesis:
    return add(' ', {.place = Place::BeforeBar});
  case Place::BeforeBar:
    return add('|', {.place = Place::Bar, .filters = getFilters(Type::Number).getBits()});
  case Place::Bar:
    return add(' ', {.place = Place::Word, .filters = state.filters, .shape = state.shape});
  case Place::Word:
    return visitWord(state, add);
  case Place::Round:
    add('(', {.place = Place::Digit});
    return add(' ', {.place = Place::BehindFilter, .type = Type::Final});
  case Place::Digit:
    for (char digit = '0'; digit <= '9'; ++digit)
      add(digit, {.place = Place::DigitEnd});
    return;
  case Place::DigitEnd:
    return add(')', {.place = Place::Filtered, .type = Type::Final});
  case Place::Date:
    return visitDate(state, add);
  case Place::DateEnd:
    return add(')', {.place = Place::Filtered, .type = Type::String});
  case Place::Filtered:
    return add(' ', {.place = Place::BehindFilter, .type = state.type});
  case Place::BehindFilter:
    add('}', {.place = Place::Close});
    if (const FilterSet filters = getFilters(state.type); !filters.empty())
      add('|', {.place = Place::Bar, .filters = filters.getBits()});
    return;
  case Place::Close:
    return add('}', text);
  case Place::Dead:
    return;
  }
}

template <typename Add>
void ReferenceAutomaton::visitKey(const State &state, const Add &add) const {
  const KeyEdges &edges = shapes.getEdges(state.shape, state.group);
  const Goal goal = getGoal(state.phase);
  const bool isStart =
      state.shape == shapes.getRoot() && state.group == Group::Name && state.depth == 0;
  if (isStart && state.phase == Phase::Single && getStart(Goal::Operand) < never)
    add('(', makeStart(Phase::GroupedFirst));
  uint32_t low = state.low;
  // A name that others begin with: a path may end here, or go on below it.
  if (edges.getSpelling(low).size() == state.depth) {
    if (edges.getCost(low, goal) < never)
      visitNode(edges.getChild(low), state.phase, add);
    ++low;
  }
  while (low < state.high) {
    const char byte = edges.getSpelling(low)[state.depth];
    const uint32_t end = edges.findEnd(low, state.high, state.depth);
    if (edges.getLeast(low, end, goal) < never)
      add(byte, makeKey(state.shape, state.group, low, end, state.depth + 1, state.phase));
    low = end;
  }
}

template <typename Add>
void ReferenceAutomaton::visitNode(ShapeId shape, Phase phase, const Add &add) const {
  const Shapes::Shape &value = shapes[shape];
  const Goal goal = getGoal(phase);
  for (auto [group, byte] : {std::pair{Group::Name, '.'}, {Group::Bracket, '['}}) {
    const KeyEdges &edges = shapes.getEdges(shape, group);
    if (edges.getLeast(goal) < never)
      add(byte, makeKey(shape, group, 0, edges.size(), 0, phase));
  }
  const bool canEnd = goal == Goal::Value     ? value.isScalar || value.isArray
                      : goal == Goal::Operand ? value.isOperand
                                              : value.isDivisor;
  if (!canEnd)
    return;
  if (phase == Phase::GroupedSubtrahend || phase == Phase::GroupedDivisor)
    add(')', {.place = Place::Parenthesis});
  else
    add(' ', {.place = Place::BehindPath, .phase = phase, .shape = shape});
}

template <typename Add>
void ReferenceAutomaton::visitBehindPath(ShapeId shape, Phase phase, const Add &add) const {
  const Shapes::Shape &value = shapes[shape];
  const bool isSingle = phase == Phase::Single, isGrouped = phase == Phase::GroupedFirst;
  if (!isGrouped && (!isSingle || value.isScalar))
    add('}', {.place = Place::Close});
  if (isSingle && !value.filters.empty())
    add('|', {.place = Place::Bar, .filters = value.filters.getBits(), .shape = shape});
  if (!isSingle && !isGrouped)
    return;
  if (value.isOperand)
    add('-', {.place = Place::Operator,
              .phase = isGrouped ? Phase::GroupedSubtrahend : Phase::Subtrahend});
  if (value.isDividend && getStart(Goal::Divisor) < never)
    add('/',
        {.place = Place::Operator, .phase = isGrouped ? Phase::GroupedDivisor : Phase::Divisor});
}

template <typename Add>
void ReferenceAutomaton::visitWord(const State &state, const Add &add) const {
  const Shapes::Shape &value = shapes[state.shape];
  const FilterSet filters = FilterSet::fromBits(state.filters);
  auto isPossible = [&](size_t number) {
    const auto filter = static_cast<Filter>(number);
    return filters.has(filter) && getFilterCost(filter, value) < never;
  };
  auto getByte = [&](size_t number) {
    return getSpelling(static_cast<Filter>(number))[state.depth];
  };
  FilterSet done;
  for (size_t number = 0; number < filterCount; ++number) {
    const auto filter = static_cast<Filter>(number);
    if (!isPossible(number) || done.has(filter))
      continue;
    // Those that go on alike.
    FilterSet alike;
    for (size_t other = number; other < filterCount; ++other)
      if (isPossible(other) && getByte(other) == getByte(number)) {
        alike.add(static_cast<Filter>(other));
        done.add(static_cast<Filter>(other));
      }
    // No filter's name begins with another's, among those that one value takes.
    State target;
    if (getSpelling(filter).size() > state.depth + 1)
      target = {.place = Place::Word,
                .filters = alike.getBits(),
                .shape = state.shape,
                .depth = state.depth + 1};
    else if (filter == Filter::Round)
      target = {.place = Place::Round};
    else if (filter == Filter::Date)
      target = {.place = Place::Date, .high = value.hasTime ? State::hasTime : 0u};
    else if (takesField(filter))
      target = makeKey(state.shape, Group::Field, 0,
                       shapes.getEdges(state.shape, Group::Field).size(), 0, Phase::Field);
    else
      target = {.place = Place::Filtered, .type = getResult(filter)};
    add(getByte(number), target);
  }
}

template <typename Add> void ReferenceAutomaton::visitDate(const State &state, const Add &add) {
  State target = state;
  target.depth = 0;
  if (state.depth == 0) {
    const bool hasDirective = state.high & State::hasDirective;
    if (hasDirective)
      add('"', {.place = Place::DateEnd});
    // One directive has to fit in.
    target.low = state.low + 1;
    if (state.low + (hasDirective ? 0 : 1) < maxFormatParts)
      for (char separator : formatSeparators)
        add(separator, target);
    target.low = state.low;
    target.depth = 1;
    if (state.low < maxFormatParts)
      add('%', target);
    return;
  }
  if (state.depth == 1) {
    target.depth = 2;
    add('-', target);
    target.depth = 0;
  }
  target.low = state.low + 1;
  target.high |= State::hasDirective;
  for (char directive : numericDirectives)
    if (state.high & State::hasTime || !isOfTime(directive))
      add(directive, target);
  if (state.depth == 1)
    for (char directive : nameDirectives)
      add(directive, target);
}

ReferenceState ReferenceAutomaton::stepKey(const State &state, uint8_t byte) const {
  const KeyEdges &edges = shapes.getEdges(state.shape, state.group);
  const auto [low, high] = edges.findByte(state.low, state.high, state.depth, byte);
  if (low == high || edges.getLeast(low, high, getGoal(state.phase)) >= never)
    return dead;
  return makeKey(state.shape, state.group, low, high, state.depth + 1, state.phase);
}

ReferenceState ReferenceAutomaton::step(const State &state, uint8_t byte) const {
  // Of the many bytes that a key may go on with only one is asked for.
  if (state.place == Place::Key && state.depth > 0 && state.high - state.low > 1 &&
      shapes.getEdges(state.shape, state.group).getSpelling(state.low).size() > state.depth)
    return stepKey(state, byte);
  State found = isText(state) ? text : dead;
  visit(state, [&](char other, const State &target) {
    if (static_cast<uint8_t>(other) == byte)
      found = target;
  });
  return found;
}

void ReferenceAutomaton::expand(const State &state, Transitions &next) const {
  next.clear();
  visit(state,
        [&](char byte, const State &target) { next.add(static_cast<uint8_t>(byte), target); });
}

} // namespace nyala::rt::grounding
