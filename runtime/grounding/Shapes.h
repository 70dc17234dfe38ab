//===- Shapes.h - What references see of data -------------------*- C++ -*-===//
//
// Two values have the same shape if the same references lead on from them: the
// same keys to values of the same shapes, the same filters and operators. The
// thousand records of a table are one shape, or a few, so that what is found out
// for one of them holds for all. Equal shapes get one number, from the leaves up
// (hash consing; Ershov, "On programming of arithmetic operations", 1958).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_SHAPES_H
#define NYALA_RUNTIME_GROUNDING_SHAPES_H

#include "runtime/grounding/Filters.h"
#include "runtime/grounding/KeyEdges.h"

#include <bitset>

namespace nyala::rt::grounding {

constexpr Cost closeCost = 3; ///< " }}"
constexpr Cost barCost = 3;   ///< " | "

/// Immutable; may be shared by threads. Refers to nothing in the data.
class Shapes {
public:
  /// The edges of a value: two of paths, and the fields of an aggregate.
  enum class Group : uint8_t { Name, Bracket, Field };

  struct Shape {
    bool isScalar = true; ///< a value as it stands
    bool isArray = false;
    bool isOperand = false, isDividend = false, isDivisor = false; ///< as Filters.h says
    bool hasTime = false;                                          ///< of a date
    FilterSet filters;                                             ///< that take it
    GoalCosts tail;                                                ///< from behind it to text
    std::array<KeyEdges, 3> edges;                                 ///< by Group
  };

  /// `usable`: bytes that can be written one by one; keys with others lead nowhere.
  Shapes(const DataTree &data, const std::bitset<256> &usable);

  const Shape &operator[](ShapeId shape) const { return shapes[shape]; }
  ShapeId getRoot() const { return root; }
  size_t size() const { return shapes.size(); }

  const KeyEdges &getEdges(ShapeId shape, Group group) const {
    return shapes[shape].edges[static_cast<size_t>(group)];
  }

private:
  class Builder;

  std::vector<Shape> shapes;
  ShapeId root = 0;
};

/// Bytes from the filter's name to text, behind a value of a shape.
Cost getFilterCost(Filter filter, const Shapes::Shape &shape);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_SHAPES_H
