//===- ShownFields.cpp - What a prompt shows of data ----------------------===//

#include "tools/nyala-run/ShownFields.h"
#include "runtime/core/Status.h"
#include "runtime/grounding/Path.h"

#include <algorithm>

using namespace nyala::rt::grounding;

namespace nyala {
namespace {

bool isLike(std::string_view text, std::string_view glob) {
  size_t at = 0, in = 0;
  size_t star = std::string_view::npos, resume = 0; // behind the last *, and where it began
  while (at < text.size()) {
    if (in < glob.size() && glob[in] == '*') {
      star = ++in;
      resume = at;
    } else if (in < glob.size() && (glob[in] == '?' || glob[in] == text[at])) {
      ++in;
      ++at;
    } else if (star != std::string_view::npos) {
      in = star;
      at = ++resume;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', in) == std::string_view::npos;
}

bool isField(const DataNode &node) { return !node.isContainer() || node.childCount == 0; }

/// As a line can hold it.
std::string showValue(const DataTree &data, NodeId node) {
  const std::string &text = data[node].text;
  const bool isPlain = data[node].kind == DataNode::Kind::String && !text.empty() &&
                       text.front() != ' ' && text.back() != ' ' &&
                       std::ranges::none_of(text, [](unsigned char c) { return c < ' '; });
  return isPlain ? text : data.toJson(node);
}

} // namespace

ShownFields::ShownFields(const DataTree &data, const std::vector<std::string> &globs)
    : data(data), shown(data.size()) {
  std::vector<bool> isUsed(globs.size()), isInside(data.size());
  for (NodeId node = 0; node < data.size(); ++node) { // children come after their parents
    isInside[node] = globs.empty() || isInside[data[node].parent];
    const std::string path = globs.empty() ? "" : spellPath(data, node);
    for (size_t i = 0; i < globs.size(); ++i)
      if (isLike(path, globs[i])) {
        isInside[node] = true;
        isUsed[i] = true;
      }
    shown[node] = isInside[node] && isField(data[node]);
  }
  for (auto node = static_cast<NodeId>(data.size()); node-- > 1;)
    if (shown[node])
      shown[data[node].parent] = true;
  if (const auto unused = std::ranges::find(isUsed, false); unused != isUsed.end())
    throw rt::Failure(NYALA_INVALID_ARGUMENT,
                      "no field is like '" + globs[static_cast<size_t>(unused - isUsed.begin())] +
                          "', which --fields asks for; expected the path of a field, with * for "
                          "any text: '" +
                          spellPath(data, static_cast<NodeId>(data.size() - 1)) + "' is one");
}

std::string ShownFields::list(NodeId node) const {
  std::string out;
  if (!shown[node])
    return out;
  if (isField(data[node]))
    return spellPath(data, node) + ": " + showValue(data, node) + "\n";
  for (NodeId child : data.getChildren(node))
    out += list(child);
  return out;
}

bool ShownFields::writeJson(NodeId node, std::string &out) const {
  if (isField(data[node])) {
    out += data.toJson(node);
    return true;
  }
  const bool isObject = data[node].kind == DataNode::Kind::Object;
  bool isFirst = true, isWhole = true;
  out += isObject ? '{' : '[';
  for (NodeId child : data.getChildren(node)) {
    if (!shown[child]) {
      isWhole = false;
      continue;
    }
    if (!isObject && !isWhole)
      return false;
    if (!isFirst)
      out += ',';
    isFirst = false;
    if (isObject)
      out += quoteJson(data[child].key) + ':';
    if (!writeJson(child, out))
      return false;
  }
  out += isObject ? '}' : ']';
  return true;
}

std::optional<std::string> ShownFields::toJson() const {
  std::string out;
  if (!writeJson(DataTree::root, out))
    return std::nullopt;
  return out;
}

NodeId ShownFields::findFork() const {
  NodeId node = DataTree::root;
  for (;;) {
    std::vector<NodeId> inside;
    for (NodeId child : data.getChildren(node))
      if (shown[child])
        inside.push_back(child);
    if (inside.size() != 1)
      return node;
    node = inside[0];
  }
}

} // namespace nyala
