//===- Path.cpp - How fields of data are spelled --------------------------===//

#include "runtime/grounding/Path.h"

#include <algorithm>

namespace nyala::rt::grounding {

bool isName(std::string_view key, bool isFirst) {
  if (key.empty() || !isNameStart(key[0]) || !std::ranges::all_of(key, isNameByte))
    return false;
  static constexpr std::string_view words[] = {rootName, "and",  "or",    "not",  "in",
                                               "is",     "if",   "else",  "true", "false",
                                               "none",   "True", "False", "None", "self"};
  static constexpr std::string_view methods[] = {"clear",  "copy",   "fromkeys",  "get",
                                                 "items",  "keys",   "pop",       "popitem",
                                                 "update", "values", "setdefault"};
  // Python's own attributes of a dict, __len__ for one, are no names of fields either.
  return isFirst ? std::ranges::find(words, key) == std::end(words)
                 : std::ranges::find(methods, key) == std::end(methods) && !key.starts_with("__");
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + '"';
}

static std::string spellBracket(const DataTree &tree, NodeId child) {
  bool isElement = tree[tree[child].parent].kind == DataNode::Kind::Array;
  std::string out = "[";
  out += isElement ? std::to_string(tree[child].position) : quote(tree[child].key);
  return out += ']';
}

static bool isNamed(const DataTree &tree, NodeId child, bool isFirst) {
  return tree[tree[child].parent].kind == DataNode::Kind::Object &&
         isName(tree[child].key, isFirst);
}

std::string spellFirst(const DataTree &tree, NodeId child) {
  return isNamed(tree, child, /*isFirst=*/true) ? tree[child].key
                                                : std::string(rootName) + spellBracket(tree, child);
}

std::string spellPath(const DataTree &tree, NodeId node) {
  if (node == DataTree::root)
    return std::string(rootName);
  NodeId parent = tree[node].parent;
  if (parent == DataTree::root)
    return spellFirst(tree, node);
  std::string path = spellPath(tree, parent);
  if (isNamed(tree, node, /*isFirst=*/false))
    return (path += '.') += tree[node].key;
  return path += spellBracket(tree, node);
}

} // namespace nyala::rt::grounding
