//===- ChatTemplate.h - Framing of conversations ----------------*- C++ -*-===//
//
// Renders messages into a prompt by the chat template of a model file, a Jinja
// template, byte for byte as transformers' apply_chat_template does without
// tools or documents. runtime/text/jinja evaluates the part of Jinja that chat
// templates use; what it does not know is an error, never a default.
//
// The template sees: messages (dicts of role and content), add_generation_prompt,
// bos_token and eos_token (undefined if the model has none), tools and documents
// (none), raise_exception and strftime_now.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_CHATTEMPLATE_H
#define NYALA_RUNTIME_TEXT_CHATTEMPLATE_H

#include <ctime>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace nyala::rt {

struct Message {
  std::string role;
  std::string content;
};

class ChatTemplate {
public:
  /// The local time, for templates that print the date.
  using Clock = std::function<std::tm()>;

  /// `bosText`, `eosText`: spelling of the special tokens, empty if the model has none. Throws
  /// Failure with line and column: NYALA_INVALID_TEXT if the template is not UTF-8 or is not well
  /// formed, NYALA_UNSUPPORTED for a statement, filter, test or operator that is not known.
  /// `clock` is called while rendering; empty: the system's.
  ChatTemplate(std::string_view source, std::string_view bosText, std::string_view eosText,
               Clock clock = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate &&) noexcept;
  ChatTemplate &operator=(ChatTemplate &&) noexcept;

  /// `addGenerationPrompt`: end with the assistant's opening. Throws Failure: NYALA_INVALID_TEXT if
  /// a message is not UTF-8 (naming message and byte), the template refuses the messages (with its
  /// own words), or it fails on them or exceeds the limits (with line and column);
  /// NYALA_UNSUPPORTED for a method or variable that is not known. May be called by several
  /// threads.
  std::string render(std::span<const Message> messages, bool addGenerationPrompt) const;

private:
  struct Parsed;
  std::unique_ptr<const Parsed> parsed;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_CHATTEMPLATE_H
