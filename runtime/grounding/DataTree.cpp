//===- DataTree.cpp - JSON data that text may refer to --------------------===//

#include "runtime/grounding/DataTree.h"

#include "runtime/core/Status.h"
#include "runtime/text/Utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace nyala::rt::grounding {
namespace {

/// Walks through the text and says in `at` how far it is: the parser's events do not.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;

  reference operator*() const { return *position; }
  Cursor &operator++() {
    ++position;
    if (at)
      ++*at;
    return *this;
  }
  bool operator==(const Cursor &other) const { return position == other.position; }
  bool operator!=(const Cursor &other) const { return position != other.position; }

  const char *position;
  size_t *at;
};

/// What nlohmann's parser says of an error, without its number and place.
std::string shorten(std::string_view message) {
  if (size_t mark = message.find("] "); mark != std::string_view::npos)
    message.remove_prefix(mark + 2);
  if (size_t mark = message.find(": ");
      message.starts_with("parse error") && mark != std::string_view::npos)
    message.remove_prefix(mark + 2);
  // It shows bytes that are no UTF-8, too.
  if (checkText(message) != std::string_view::npos)
    message = message.substr(0, message.find("; last read: "));
  return std::string(message);
}

} // namespace

/// Takes the parser's events.
class DataTree::Reader {
public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  Reader(DataTree &tree, std::string_view json) : tree(tree), json(json) {
    if (json.size() > maxBytes)
      throw Failure(NYALA_INVALID_TEXT, "the data have " + std::to_string(json.size()) +
                                            " bytes: at most " + std::to_string(maxBytes) +
                                            " are supported");
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end is given
    Cursor begin{json.data(), &at}, end{json.data() + json.size(), nullptr};
    nlohmann::json::sax_parse(begin, end, this);
    sortKeys();
  }

  // NOLINTBEGIN(readability-identifier-naming): names that nlohmann's parser calls
  bool null() {
    add(DataNode::Kind::Null);
    return true;
  }
  bool boolean(bool value) {
    add(DataNode::Kind::Boolean).boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) {
    DataNode &node = add(DataNode::Kind::Number);
    node.number = Number(int64_t{value});
    node.text = std::to_string(value);
    return true;
  }
  bool number_unsigned(number_unsigned_t value) {
    DataNode &node = add(DataNode::Kind::Number);
    node.text = std::to_string(value);
    if (value <= static_cast<number_unsigned_t>(INT64_MAX))
      node.number = Number(static_cast<int64_t>(value));
    return true;
  }
  bool number_float(number_float_t value, const string_t &spelling) {
    DataNode &node = add(DataNode::Kind::Number);
    node.text = spelling;
    if (spelling.find_first_of(".eE") != std::string::npos)
      node.number = Number(value);
    return true;
  }
  bool string(string_t &value) {
    add(DataNode::Kind::String).text = std::move(value);
    return true;
  }
  bool binary(binary_t &) { return false; } // JSON has none
  bool key(string_t &value) {
    nextKey = std::move(value);
    nextKeyOffset = at;
    return true;
  }
  bool start_object(size_t) { return open(DataNode::Kind::Object); }
  bool start_array(size_t) { return open(DataNode::Kind::Array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(size_t position, const std::string &, const nlohmann::json::exception &error) {
    fail(position == 0 ? 0 : position - 1, shorten(error.what()));
  }
  // NOLINTEND(readability-identifier-naming)

private:
  struct Open {
    NodeId node;
    std::vector<NodeId> children;
  };

  [[noreturn]] void fail(size_t offset, const std::string &what) const {
    std::string_view before = json.substr(0, std::min(offset, json.size()));
    size_t line = 1 + static_cast<size_t>(std::ranges::count(before, '\n'));
    size_t lineBegin = before.rfind('\n') + 1; // npos + 1 is 0
    throw Failure(NYALA_INVALID_TEXT, "the data, line " + std::to_string(line) + ", column " +
                                          std::to_string(before.size() - lineBegin + 1) + ": " +
                                          what);
  }

  DataNode &add(DataNode::Kind kind) {
    auto id = static_cast<NodeId>(tree.nodes.size());
    if (id == maxNodes)
      fail(at, "more than " + std::to_string(maxNodes) + " values are not supported");
    DataNode &node = tree.nodes.emplace_back();
    node.kind = kind;
    keyOffsets.push_back(nextKeyOffset);
    if (!stack.empty()) {
      node.parent = stack.back().node;
      node.position = static_cast<uint32_t>(stack.back().children.size());
      node.key = std::move(nextKey);
      nextKey.clear();
      stack.back().children.push_back(id);
    }
    return node;
  }

  bool open(DataNode::Kind kind) {
    if (stack.size() == maxDepth)
      fail(at, "lists and objects nest more than " + std::to_string(maxDepth) +
                   " deep, which is the limit");
    add(kind);
    stack.push_back({static_cast<NodeId>(tree.nodes.size() - 1), {}});
    return true;
  }

  bool close() {
    DataNode &node = tree.nodes[stack.back().node];
    const std::vector<NodeId> &list = stack.back().children;
    node.childBegin = static_cast<uint32_t>(tree.children.size());
    node.childCount = static_cast<uint32_t>(list.size());
    tree.children.insert(tree.children.end(), list.begin(), list.end());
    stack.pop_back();
    return true;
  }

  void sortKeys() {
    auto keyOf = [&](NodeId node) -> const std::string & { return tree.nodes[node].key; };
    tree.byKey = tree.children;
    for (const DataNode &node : tree.nodes) {
      if (node.kind != DataNode::Kind::Object)
        continue;
      auto keys = std::span(tree.byKey).subspan(node.childBegin, node.childCount);
      std::ranges::stable_sort(keys, {}, keyOf);
      auto twice = std::ranges::adjacent_find(keys, {}, keyOf);
      if (twice != keys.end())
        fail(keyOffsets[twice[1]] - tree.nodes[*twice].key.size() - 2,
             "the key '" + keyOf(*twice) + "' comes twice in an object");
    }
  }

  DataTree &tree;
  std::string_view json;
  size_t at = 0;
  std::vector<Open> stack;
  std::string nextKey;
  size_t nextKeyOffset = 0;       ///< where it ends
  std::vector<size_t> keyOffsets; ///< by node
};

DataTree::DataTree(std::string_view json) { Reader(*this, json); }

std::optional<NodeId> DataTree::find(NodeId object, std::string_view key) const {
  const std::span<const NodeId> keys = getChildrenByKey(object);
  auto found = std::ranges::lower_bound(
      keys, key, {}, [&](NodeId node) -> std::string_view { return nodes[node].key; });
  if (nodes[object].kind != DataNode::Kind::Object || found == keys.end() ||
      nodes[*found].key != key)
    return std::nullopt;
  return *found;
}

std::string quoteJson(std::string_view text) { return nlohmann::json(text).dump(); }

std::string DataTree::toJson(NodeId node) const {
  const DataNode &value = nodes[node];
  switch (value.kind) {
  case DataNode::Kind::Null:
    return "null";
  case DataNode::Kind::Boolean:
    return value.boolean ? "true" : "false";
  case DataNode::Kind::Number:
    return value.text;
  case DataNode::Kind::String:
    return quoteJson(value.text);
  case DataNode::Kind::Array:
  case DataNode::Kind::Object:
    break;
  }
  bool isObject = value.kind == DataNode::Kind::Object;
  std::string out(1, isObject ? '{' : '[');
  for (NodeId child : getChildren(node)) {
    if (out.size() > 1)
      out += ',';
    if (isObject)
      out += quoteJson(nodes[child].key) + ':';
    out += toJson(child);
  }
  return out + (isObject ? '}' : ']');
}

const char *DataTree::describe(DataNode::Kind kind) {
  constexpr const char *names[] = {"null",     "a boolean", "a number",
                                   "a string", "an array",  "an object"};
  return names[static_cast<size_t>(kind)];
}

} // namespace nyala::rt::grounding
