//===- HtmlPage.h - A page that shows where values come from ----*- C++ -*-===//
//
// A self-contained page: the text, its values marked, beside the data. It can be
// read without a script: values are links to their fields, and say path and raw
// value when they are hovered over or focused. With the script the arrow keys go
// between values, too, and Escape returns from a field to the value.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_HTMLPAGE_H
#define NYALA_RUNTIME_GROUNDING_HTMLPAGE_H

#include "runtime/grounding/Spans.h"

namespace nyala::rt::grounding {

/// All text is escaped, that of the data and `title` included.
std::string renderHtml(const DataTree &tree, const Grounded &grounded, std::string_view title);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_HTMLPAGE_H
