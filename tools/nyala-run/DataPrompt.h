//===- DataPrompt.h - Prompts that ask for references -----------*- C++ -*-===//
//
// Conversations that show data and ask for text about them, with references in
// place of values. The assistant's first turn is a worked example made of the same
// data, so that a small model only has to go on as it began.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_RUN_DATAPROMPT_H
#define NYALA_TOOLS_NYALA_RUN_DATAPROMPT_H

#include "tools/nyala-run/ChatPrompt.h"
#include "tools/nyala-run/ShownFields.h"

namespace nyala {

/// The fields, as whichever takes fewer tokens: a line each, or JSON.
std::string showFields(const Model &model, const ShownFields &fields);

struct WorkedExample {
  std::string text;  ///< with references
  std::string prose; ///< the same with values
  std::string path;  ///< of a field that is not in it, if there is one; "" if the data have none
};

/// Sentences about some of the fields that are shown, one with a filter where a field takes one
/// that says more. Empty if no field is a value.
WorkedExample makeExample(const ShownFields &fields);

/// Asks for text with references, as `request` says. `shown`: showFields().
std::vector<ChatMessage> askForReferences(const std::string &shown, const WorkedExample &example,
                                          const std::string &request);
/// Asks for text without.
std::vector<ChatMessage> askForProse(const std::string &shown, const std::string &request);
/// Asks for the text again, with references. Begins as askForProse does, up to the data's end.
std::vector<ChatMessage> askForRewrite(const std::string &shown, const WorkedExample &example,
                                       const std::string &prose);

/// Tokens of such a conversation, in which no special token comes from the data or the request. In
/// the model's chat framing, without the system message if the template knows none; the messages as
/// paragraphs if there is no template.
Tokens tokenizeAsked(const Model &model, std::vector<ChatMessage> messages);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_DATAPROMPT_H
