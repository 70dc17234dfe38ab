//===- ValueSpans.h - Where a text spells values of data --------*- C++ -*-===//
#ifndef NYALA_RUNTIME_GROUNDING_VALUESPANS_H
#define NYALA_RUNTIME_GROUNDING_VALUESPANS_H

#include "runtime/grounding/DataTree.h"

namespace nyala::rt::grounding {

/// Words of a text that say what some references show.
struct ValueSpan {
  uint32_t begin, end;                 ///< bytes of the text
  std::vector<std::string> references; ///< "{{ visitor.points }}"; distinct, ascending
};

/// The longest spans of whole words that spell a value: numbers, also rounded to one or two digits
/// or with commas between thousands; strings of at least three bytes, also in other cases; dates,
/// also as "5 March 2024" and "March 5, 2024". Ascending; they do not overlap. Text of up to 4 GiB.
std::vector<ValueSpan> findValues(const DataTree &data, std::string_view text);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_VALUESPANS_H
