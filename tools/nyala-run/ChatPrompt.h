//===- ChatPrompt.h - Conversations as tokens -------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_CHATPROMPT_H
#define NYALA_TOOLS_NYALA_RUN_CHATPROMPT_H

#include "tools/run-support/Model.h"

namespace nyala {

struct ChatMessage {
  std::string role;
  std::string content;
};

/// Tokens of a conversation that the model is to continue, framed by its chat template.
/// `specialInMessages`: special tokens that messages spell count as such; otherwise only those of
/// the template do. Throws rt::Failure.
Tokens tokenizeChat(const Model &model, const std::vector<ChatMessage> &messages,
                    bool specialInMessages);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_CHATPROMPT_H
