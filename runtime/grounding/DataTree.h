//===- DataTree.h - JSON data that text may refer to ------------*- C++ -*-===//
//
// A record (RFC 8259) as a flat list of nodes, parents before children, children
// in the order of the file. Keys of an object are distinct.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_DATATREE_H
#define NYALA_RUNTIME_GROUNDING_DATATREE_H

#include "runtime/grounding/Number.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::rt::grounding {

using NodeId = uint32_t;

struct DataNode {
  enum class Kind : uint8_t { Null, Boolean, Number, String, Array, Object };

  Kind kind = Kind::Null;
  bool boolean = false;
  NodeId parent = 0;     ///< of the root: itself
  uint32_t position = 0; ///< among the parent's children
  std::string key;       ///< in an object
  std::string text;      ///< a string's value; a number as the file spells it
  /// Of a number; none for an integer of more than 64 bits, which is only ever shown as it is
  /// spelled.
  std::optional<Number> number;
  uint32_t childBegin = 0, childCount = 0;

  bool isContainer() const { return kind == Kind::Array || kind == Kind::Object; }
};

/// Immutable; may be shared by threads.
class DataTree {
public:
  static constexpr NodeId root = 0;
  static constexpr size_t maxBytes = size_t{64} << 20;
  static constexpr size_t maxNodes = size_t{4} << 20;
  static constexpr unsigned maxDepth = 128;

  /// Throws Failure(NYALA_INVALID_TEXT) with line and column (counted from 1, columns in bytes) for
  /// text that is no JSON, for a key that an object has twice, a number beyond a float, and for
  /// what exceeds the limits above.
  explicit DataTree(std::string_view json);

  const DataNode &operator[](NodeId node) const { return nodes[node]; }
  size_t size() const { return nodes.size(); }
  std::span<const NodeId> getChildren(NodeId node) const {
    return std::span(children).subspan(nodes[node].childBegin, nodes[node].childCount);
  }
  /// The same, those of an object ascending by key.
  std::span<const NodeId> getChildrenByKey(NodeId node) const {
    return std::span(byKey).subspan(nodes[node].childBegin, nodes[node].childCount);
  }
  /// The child of an object by its key.
  std::optional<NodeId> find(NodeId object, std::string_view key) const;
  /// The value in JSON, compact, numbers as the file spells them.
  std::string toJson(NodeId node) const;
  /// "a string", for messages.
  static const char *describe(DataNode::Kind kind);

private:
  class Reader;

  std::vector<DataNode> nodes;
  std::vector<NodeId> children; ///< of all nodes
  std::vector<NodeId> byKey;    ///< the same, those of an object ascending by key
};

/// A string in JSON.
std::string quoteJson(std::string_view text);

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_DATATREE_H
