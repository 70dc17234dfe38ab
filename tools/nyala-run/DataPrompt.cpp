//===- DataPrompt.cpp - Prompts that ask for references -------------------===//

#include "tools/nyala-run/DataPrompt.h"
#include "runtime/core/Status.h"
#include "runtime/grounding/DateFormat.h"
#include "runtime/grounding/Path.h"
#include "runtime/grounding/Spans.h"
#include "tools/run-support/Prompt.h"

#include <algorithm>
#include <ranges>

using namespace nyala::rt::grounding;

namespace nyala {
namespace {

/// What a small model holds on to best, of many wordings that were tried.
std::string describeReferences(const std::string &path) {
  return "Never write a value: write its path in braces, like {{ " + path + " }}.";
}

/// "visitor points" of visitor.points. No braces, which would begin a reference.
std::string nameField(const DataTree &data, NodeId node) {
  if (node == DataTree::root)
    return "";
  std::string name = nameField(data, data[node].parent);
  if (!name.empty())
    name += ' ';
  const bool isElement = data[data[node].parent].kind == DataNode::Kind::Array;
  name += isElement ? std::to_string(data[node].position) : data[node].key;
  std::ranges::replace(name, '_', ' ');
  std::erase(name, '{');
  return name;
}

class ExampleMaker {
public:
  explicit ExampleMaker(const ShownFields &fields) : data(fields.getData()) {
    for (NodeId node = 1; node < data.size(); ++node)
      if (fields.has(node))
        sort(node);
    // Elements of arrays are less worth telling than what stands alone.
    if (alone.empty())
      alone = elements;
  }

  WorkedExample make() {
    addFirst([&](NodeId node) { return isShortText(node); });
    addFirst([&](NodeId node) { return data[node].number.has_value(); });
    for (size_t i = 0; i < alone.size() && told.size() < 2; ++i)
      if (!isTold(alone[i]))
        addValue(alone[i]);
    addFiltered();
    return finish();
  }

private:
  static constexpr size_t shortText = 40;

  void sort(NodeId node) {
    const DataNode &value = data[node];
    if (value.kind == DataNode::Kind::Array && value.childCount > 0)
      arrays.push_back(node);
    if (value.isContainer())
      return;
    bool isElement = false;
    for (NodeId at = node; at != DataTree::root; at = data[at].parent)
      isElement |= data[data[at].parent].kind == DataNode::Kind::Array;
    (isElement ? elements : alone).push_back(node);
  }

  bool isDate(NodeId node) const {
    return data[node].kind == DataNode::Kind::String && parseDate(data[node].text).has_value();
  }
  bool isShortText(NodeId node) const {
    return data[node].kind == DataNode::Kind::String && !data[node].text.empty() &&
           data[node].text.size() <= shortText && !isDate(node);
  }
  bool isTold(NodeId node) const { return std::ranges::find(told, node) != told.end(); }

  void add(NodeId node, const std::string &sentence) {
    told.push_back(node);
    result.text += (result.text.empty() ? "" : " ") + sentence;
  }
  void addValue(NodeId node, const std::string &filter = "") {
    add(node, "The " + nameField(data, node) + " is {{ " + spellPath(data, node) + filter + " }}.");
  }
  template <typename Predicate> bool addFirst(const Predicate &isWanted) {
    const auto found =
        std::ranges::find_if(alone, [&](NodeId node) { return !isTold(node) && isWanted(node); });
    if (found == alone.end())
      return false;
    addValue(*found);
    return true;
  }

  /// An array's count, a date in words, or one more number.
  void addFiltered() {
    if (!arrays.empty())
      return add(arrays[0], "There are {{ " + spellPath(data, arrays[0]) + " | count }} " +
                                nameField(data, arrays[0]) + ".");
    const auto date =
        std::ranges::find_if(alone, [&](NodeId node) { return !isTold(node) && isDate(node); });
    if (date != alone.end())
      return addValue(*date, " | date(\"%-d %B %Y\")");
    addFirst([&](NodeId node) { return data[node].number.has_value(); });
  }

  WorkedExample finish() {
    if (told.empty())
      return result;
    result.prose = ground(data, result.text).text;
    NodeId other = told[0];
    for (const std::vector<NodeId> *list : {&elements, &alone})
      for (NodeId node : *list | std::views::reverse)
        if (!isTold(node))
          other = node;
    result.path = spellPath(data, other);
    return result;
  }

  const DataTree &data;
  std::vector<NodeId> alone, elements, arrays;
  std::vector<NodeId> told;
  WorkedExample result;
};

} // namespace

std::string showFields(const Model &model, const ShownFields &fields) {
  std::string list = fields.list();
  if (list.ends_with('\n'))
    list.pop_back();
  const std::optional<std::string> json = fields.toJson();
  const auto count = [&](const std::string &text) { return model.tokenize(text, false).size(); };
  return json && count(*json) < count(list) ? *json : list;
}

WorkedExample makeExample(const ShownFields &fields) { return ExampleMaker(fields).make(); }

std::vector<ChatMessage> askForReferences(const std::string &shown, const WorkedExample &example,
                                          const std::string &request) {
  const std::string rule = describeReferences(example.path);
  std::vector<ChatMessage> messages = {{"system", describeReferences("path")},
                                       {"user", shown + "\n\n" + request + " " + rule}};
  if (!example.text.empty()) {
    messages.push_back({"assistant", example.text});
    messages.push_back({"user", "Good. Now write on, about everything. " + rule});
  }
  return messages;
}

std::vector<ChatMessage> askForProse(const std::string &shown, const std::string &request) {
  return {{"user", shown + "\n\n" + request}};
}

std::vector<ChatMessage> askForRewrite(const std::string &shown, const WorkedExample &example,
                                       const std::string &prose) {
  const std::string rule = " Copy this text, but write paths in braces in place of values: ";
  std::vector<ChatMessage> messages;
  if (!example.text.empty())
    messages = {{"user", shown + "\n\n" + rule.substr(1) + example.prose},
                {"assistant", example.text},
                {"user", rule.substr(1) + prose}};
  else
    messages = {{"user", shown + "\n\n" + rule.substr(1) + prose}};
  return messages;
}

Tokens tokenizeAsked(const Model &model, std::vector<ChatMessage> messages) {
  if (!model.getInfo().has_chat_template) {
    std::string text;
    for (const ChatMessage &message : messages)
      text += message.content + "\n\n";
    return tokenizePrompt(model, text, false);
  }
  try {
    return tokenizeChat(model, messages, false);
  } catch (const rt::Failure &) {
    if (messages[0].role != "system")
      throw;
    messages.erase(messages.begin());
    return tokenizeChat(model, messages, false);
  }
}

} // namespace nyala
