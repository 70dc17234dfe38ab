//===- ReferenceState.h - A place in a text with references -----*- C++ -*-===//
//
// A state of the automaton of ReferenceAutomaton.h: a place in the grammar
// together with a place in the data. Data are known by their shapes (Shapes.h),
// so that places which are alike are one state.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_REFERENCESTATE_H
#define NYALA_RUNTIME_GROUNDING_REFERENCESTATE_H

#include "runtime/grounding/Filters.h"
#include "runtime/grounding/Shapes.h"

namespace nyala::rt::grounding {

struct ReferenceState {
  enum class Place : uint8_t {
    Text,
    Pending,
    Opened,       ///< behind {{
    Key,          ///< within the spelling of a key: a range of `group` of `shape`
    Node,         ///< behind a path that ends at a `shape`
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
    Dead,         ///< nothing may follow
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

  // What makes two states the same. Fields that a place does not use are 0.
  Place place = Place::Text;
  Phase phase = Phase::Single;
  Shapes::Group group = Shapes::Group::Name;
  Type type = Type::Number;
  uint16_t filters = 0;
  ShapeId shape = 0;
  uint32_t low = 0, high = 0; ///< range of edges; of Date the parts and DateFlags
  uint32_t depth = 0;         ///< bytes of their spellings; of Date bytes of a directive

  /// Bits of a date's `high`.
  enum DateFlags : uint32_t { hasDirective = 1, hasTime = 2 };

  bool operator==(const ReferenceState &) const = default;

  size_t hash() const {
    const uint64_t small = static_cast<uint64_t>(place) | static_cast<uint64_t>(phase) << 8 |
                           static_cast<uint64_t>(group) << 16 | static_cast<uint64_t>(type) << 24 |
                           uint64_t{filters} << 32;
    uint64_t mixed = small * 0x9E3779B97F4A7C15;
    for (uint32_t part : {shape, low, high, depth})
      mixed = ((mixed ^ mixed >> 29) + part) * 0xBF58476D1CE4E5B9;
    return mixed ^ mixed >> 32;
  }
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_REFERENCESTATE_H
