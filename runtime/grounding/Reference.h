//===- Reference.h - References into data -----------------------*- C++ -*-===//
//
//   reference  = "{{ " expression " }}"
//   expression = path { filter } | path operator path
//              | "(" path operator path ")" filter { filter }
//   operator   = " - " | " / "
//   filter     = " | " ( "round" [ "(" digit ")" ] | "upper" | "lower" | "title"
//                      | "date(" quoted ")" | "count" | aggregate [ "(" quoted ")" ] )
//   aggregate  = "sum" | "avg" | "min" | "max"
//
// Path.h has paths, Filters.h what takes which values. Text is read strictly:
// one space where the grammar shows one.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_REFERENCE_H
#define NYALA_RUNTIME_GROUNDING_REFERENCE_H

#include "runtime/grounding/DataTree.h"
#include "runtime/grounding/Filters.h"

namespace nyala::rt::grounding {

/// Offsets are in bytes of the text that was parsed, for messages.
struct PathStep {
  std::optional<uint64_t> index; ///< of an array; else `key` of an object
  std::string key;
  size_t offset;
};

struct FilterUse {
  Filter filter;
  int digits = 0;       ///< Round
  std::string argument; ///< Date: the format; SumOf and the like: the field
  size_t offset;
};

struct Reference {
  std::vector<std::vector<PathStep>> paths; ///< one, or an operator's two
  char op = '\0';                           ///< '-' or '/'
  size_t opOffset = 0;
  std::vector<FilterUse> filters;
};

/// Parses the reference that begins at text[at], with "{{ ", and sets `at` behind it. Throws
/// Failure(NYALA_INVALID_TEXT) naming the byte offset in `text`, what was expected and what was
/// got, also for a filter that is not known.
Reference parseReference(std::string_view text, size_t &at);

struct Value {
  std::string shown; ///< as Jinja prints it
  std::vector<NodeId>
      operands; ///< all that it was made of; the first is where it stands in the data
};

/// Looks a reference up. Throws Failure(NYALA_INVALID_TEXT), naming the byte offset, for a field
/// that is not there, or what the value's type does not allow.
Value evaluate(const DataTree &tree, const Reference &reference);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_REFERENCE_H
