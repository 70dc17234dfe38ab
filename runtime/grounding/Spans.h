//===- Spans.h - A generation and where its values come from ----*- C++ -*-===//
//
// A generation as spans, in order and without gaps: the model's own text,
// references with their values, and numerals of the model's own that come from no
// reference. All renderings are made of them.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_SPANS_H
#define NYALA_RUNTIME_GROUNDING_SPANS_H

#include "runtime/grounding/Reference.h"

namespace nyala::rt::grounding {

struct Span {
  enum class Kind { Text, Reference, Ungrounded };

  Kind kind;
  size_t begin, end;            ///< bytes of Grounded::text
  std::string reference;        ///< as it was written, with its braces
  std::vector<NodeId> operands; ///< of a reference: Value
};

struct Grounded {
  std::string text; ///< with values in place of references
  std::string raw;  ///< with references as they were written
  std::vector<Span> spans;
};

/// Reads a generation. Bytes that are no UTF-8 become U+FFFD. Values are never read again, so that
/// braces in data are text. Throws Failure(NYALA_INVALID_TEXT) as parseReference and evaluate do,
/// with the byte offset in `generation`, for `{{` that begins no reference that resolves: there is
/// none where a ReferenceConstraint was at work.
///
/// A numeral: digits, also with points and commas between them, and not behind a letter, a digit or
/// _.
Grounded ground(const DataTree &tree, std::string_view generation);

/// A line of JSON for each span:
///   {"start":0,"end":4,"kind":"text"}
///   {"start":4,"end":7,"kind":"reference","value":"3.5","ref":"{{ a / b }}","path":"a",
///    "operands":[{"path":"a","value":7},{"path":"b","value":2}]}
///   {"start":7,"end":8,"kind":"ungrounded","value":"9"}
/// `path` is the first operand's; an operand's value is the data's.
std::string renderJsonLines(const DataTree &tree, const Grounded &grounded);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_SPANS_H
