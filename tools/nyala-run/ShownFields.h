//===- ShownFields.h - What a prompt shows of data --------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_SHOWNFIELDS_H
#define NYALA_TOOLS_NYALA_RUN_SHOWNFIELDS_H

#include "runtime/grounding/DataTree.h"

#include <optional>
#include <string>
#include <vector>

namespace nyala {

/// Some of a record's fields: its values, and arrays and objects without any, by the paths that
/// references spell. The data outlive it.
class ShownFields {
public:
  /// Those whose path, or that of an array or object around them, is like one of `globs`, in which
  /// * stands for any text and ? for a character; all without globs. Throws
  /// Failure(NYALA_INVALID_ARGUMENT) naming a glob that no field is like.
  ShownFields(const rt::grounding::DataTree &data, const std::vector<std::string> &globs);

  const rt::grounding::DataTree &getData() const { return data; }
  /// Is the field shown, or one in it?
  bool has(rt::grounding::NodeId node) const { return shown[node]; }

  /// A line for each: `visitor.points: 12`. Strings stand without quotes where that is one line.
  std::string list() const { return list(rt::grounding::DataTree::root); }
  /// Those in a node.
  std::string list(rt::grounding::NodeId node) const;
  /// Compact JSON; none if the elements of an array would not be where their indices say, because
  /// others are not shown.
  std::optional<std::string> toJson() const;

  /// Where fields differ: the first array or object from the root on of which more than one child
  /// is shown, or a value.
  rt::grounding::NodeId findFork() const;

private:
  bool writeJson(rt::grounding::NodeId node, std::string &out) const;

  const rt::grounding::DataTree &data;
  std::vector<bool> shown; ///< by node
};

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_SHOWNFIELDS_H
