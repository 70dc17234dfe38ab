//===- HtmlPage.h - A page that shows where values come from ----*- C++ -*-===//
//
// A self-contained page: the text, its values marked, beside the data. It can be
// read without a script: values are links to their fields, tell path and raw value
// when they are pointed at or have the focus, and fields are links back. What the
// script adds is said in PageScript.h.
//
// The page loads nothing, and its security policy allows no style and no script
// but its own, by their hashes. Text and data are nowhere but between tags,
// escaped; characters there that cannot be seen or that reorder what stands
// around them (controls, U+2028, bidirectional embeddings, overrides, isolates)
// are spelled, U+202E, and values are isolated from the direction of the text.
//
// Of the data only what holds a field that a value tells of is unfolded, and what
// has many children is folded by hundreds.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_HTMLPAGE_H
#define NYALA_RUNTIME_GROUNDING_HTMLPAGE_H

#include "runtime/grounding/Spans.h"

namespace nyala::rt::grounding {

/// A value tells of so many operands; all of them are marked in the data.
constexpr size_t maxToldOperands = 100;

/// `title`: any bytes; those that are no UTF-8 become U+FFFD.
std::string renderHtml(const DataTree &tree, const Grounded &grounded, std::string_view title);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_HTMLPAGE_H
