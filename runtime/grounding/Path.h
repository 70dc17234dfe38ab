//===- Path.h - How fields of data are spelled ------------------*- C++ -*-===//
//
//   path = key { "." name | "[" index "]" | "[" quoted "]" }
//
// Each field is spelled one way: by its name where that is one, else quoted. The
// record itself is `data`, so what has no name to begin with is data["…"] or
// data[0].
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_PATH_H
#define NYALA_RUNTIME_GROUNDING_PATH_H

#include "runtime/grounding/DataTree.h"

namespace nyala::rt::grounding {

constexpr std::string_view rootName = "data";

inline bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
inline bool isNameByte(char c) { return isNameStart(c) || (c >= '0' && c <= '9'); }

/// May the key stand without quotes, at the beginning of a path (`isFirst`) or behind a point?
/// ASCII letters, digits and _, and not what Jinja would take for something else: its words and
/// `data` at the beginning, the methods of a Python dict behind a point.
bool isName(std::string_view key, bool isFirst);

/// "…" with \" and \\.
std::string quote(std::string_view text);

/// How a child of the root is spelled: visitor, data["home team"], data[3].
std::string spellFirst(const DataTree &tree, NodeId child);
/// The path from the root.
std::string spellPath(const DataTree &tree, NodeId node);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_PATH_H
