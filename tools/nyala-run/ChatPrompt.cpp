//===- ChatPrompt.cpp - Conversations as tokens ---------------------------===//
//
// Template and messages become one text before it is tokenized. So that a
// message's "<|im_end|>" can be told from the template's, a mark is put before
// every special token that a message spells (and before a mark in it): what
// follows a mark is plain text.
//
//===----------------------------------------------------------------------===//

#include "tools/nyala-run/ChatPrompt.h"
#include "runtime/core/CApi.h"

namespace nyala {
namespace {

/// A control character that templates neither write nor trim.
constexpr char mark = '\x01';

class SpecialTokens {
public:
  explicit SpecialTokens(const nyala_model &model) : model(model) {}

  /// Id of the longest special token that `text` starts with, or -1.
  int32_t find(std::string_view text) const {
    for (uint32_t id : *model.artifact.program().tokenizer()->specials()) {
      const std::string_view spelling = model.tokenizer->tokenBytes(static_cast<int32_t>(id), true);
      if (!spelling.empty() && text.starts_with(spelling))
        return static_cast<int32_t>(id);
    }
    return -1;
  }

private:
  const nyala_model &model;
};

std::string render(const Model &model, const std::vector<ChatMessage> &messages) {
  std::vector<nyala_message> list;
  for (const ChatMessage &message : messages)
    list.push_back({message.role.c_str(), message.content.c_str()});
  size_t length = 0;
  check(nyala_chat_format(model.get(), list.data(), list.size(), true, nullptr, 0, &length));
  std::string text(length, '\0');
  check(nyala_chat_format(model.get(), list.data(), list.size(), true, text.data(), text.size(),
                          &length));
  text.resize(std::min(text.size(), length));
  return text;
}

std::string markSpecials(const SpecialTokens &specials, const std::string &text) {
  std::string marked;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == mark || specials.find(std::string_view(text).substr(i)) >= 0)
      marked += mark;
    marked += text[i];
  }
  return marked;
}

} // namespace

Tokens tokenizeChat(const Model &model, const std::vector<ChatMessage> &messages,
                    bool specialInMessages) {
  if (specialInMessages)
    return model.tokenize(render(model, messages), true);

  const SpecialTokens specials(*model.get());
  std::vector<ChatMessage> markedMessages = messages;
  for (ChatMessage &message : markedMessages)
    message.content = markSpecials(specials, message.content);
  const std::string text = render(model, markedMessages);

  Tokens ids = model.tokenize("", true);
  std::string plain;
  const auto endPlain = [&] {
    const Tokens more = model.tokenize(plain, false);
    ids.insert(ids.end(), more.begin(), more.end());
    plain.clear();
  };
  for (size_t i = 0; i < text.size();) {
    if (text[i] == mark && i + 1 < text.size()) {
      plain += text[i + 1];
      i += 2;
      continue;
    }
    const int32_t special = specials.find(std::string_view(text).substr(i));
    if (special < 0) {
      plain += text[i++];
      continue;
    }
    endPlain();
    // The beginning-of-sequence token that the template spells is not doubled.
    if (i > 0 || ids.empty() || ids[0] != special)
      ids.push_back(special);
    i += model.tokenBytes(special, true).size();
  }
  endPlain();
  return ids;
}

} // namespace nyala
