//===- ChatTemplate.cpp - Framing of conversations ------------------------===//

#include "runtime/text/ChatTemplate.h"

#include "runtime/text/Utf8.h"
#include "runtime/text/jinja/Evaluator.h"
#include "runtime/text/jinja/Parser.h"

namespace nyala::rt {
namespace {

void checkUtf8(std::string_view text, const std::string &what) {
  size_t offset = checkText(text);
  if (offset != std::string_view::npos)
    throw Failure(NYALA_INVALID_TEXT, what + ": " + describeBadText(text, offset));
}

std::tm readSystemClock() {
  std::time_t now = std::time(nullptr);
  std::tm time{};
  if (!localtime_r(&now, &time))
    throw Failure(NYALA_IO_ERROR, "the system's clock shows no time that has a date");
  return time;
}

jinja::Value makeToken(const std::string &text, const char *name) {
  return text.empty() ? jinja::Value::undefined(name) : jinja::Value(text);
}

} // namespace

struct ChatTemplate::Parsed {
  jinja::Body body;
  std::string bosText, eosText;
  Clock clock;
};

ChatTemplate::ChatTemplate(std::string_view source, std::string_view bosText,
                           std::string_view eosText, Clock clock) {
  checkUtf8(source, "the chat template");
  checkUtf8(bosText, "the beginning-of-sequence token");
  checkUtf8(eosText, "the end-of-sequence token");
  parsed = std::make_unique<const Parsed>(Parsed{jinja::parse(source), std::string(bosText),
                                                 std::string(eosText),
                                                 clock ? std::move(clock) : readSystemClock});
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate &&) noexcept = default;
ChatTemplate &ChatTemplate::operator=(ChatTemplate &&) noexcept = default;

std::string ChatTemplate::render(std::span<const Message> messages,
                                 bool addGenerationPrompt) const {
  using jinja::Value;
  uint64_t bytes = 0;
  std::vector<Value> list;
  for (size_t index = 0; index != messages.size(); ++index) {
    const Message &message = messages[index];
    checkUtf8(message.role, "the role of message " + std::to_string(index));
    checkUtf8(message.content, "the content of message " + std::to_string(index));
    bytes += sizeof(Message) + message.role.size() + message.content.size();
    list.push_back(Value::dict({{Value(std::string_view("role")), Value(message.role)},
                                {Value(std::string_view("content")), Value(message.content)}}));
  }
  jinja::Variables variables;
  variables.emplace("messages", Value::list(std::move(list)));
  variables.emplace("add_generation_prompt", Value(addGenerationPrompt));
  variables.emplace("bos_token", makeToken(parsed->bosText, "'bos_token'"));
  variables.emplace("eos_token", makeToken(parsed->eosText, "'eos_token'"));
  variables.emplace("tools", Value());
  variables.emplace("documents", Value());
  jinja::Context context(bytes, parsed->clock);
  return jinja::render(parsed->body, variables, context);
}

} // namespace nyala::rt
