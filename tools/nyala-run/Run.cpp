//===- Run.cpp - What nyala-run does --------------------------------------===//

#include "tools/nyala-run/Run.h"
#include "runtime/core/Status.h"
#include "tools/nyala-run/ChatPrompt.h"
#include "tools/nyala-run/Generate.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/ModelCache.h"
#include "tools/run-support/Output.h"
#include "tools/run-support/Perplexity.h"
#include "tools/run-support/Prompt.h"
#include "tools/run-support/Tool.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace nyala {
namespace {

using Json = nlohmann::ordered_json;

/// On standard error: how fast it was and why it ended.
void reportGeneration(const Generation &result, size_t promptTokens, uint32_t context) {
  char text[256];
  std::snprintf(text, sizeof(text),
                "%zu prompt tokens at %.1f a second, first token after %.1f ms, %zu tokens at "
                "%.1f a second",
                promptTokens, result.prefillTokensPerSecond, result.firstTokenMs, result.ids.size(),
                result.decodeTokensPerSecond);
  writeMessage(text);
  switch (result.finish) {
  case Finish::Stop:
    return writeMessage("ended: the model ended its text");
  case Finish::StopString:
    return writeMessage("ended: at a --stop text");
  case Finish::Length:
    return writeMessage("ended: all tokens that -n asks for");
  case Finish::Context:
    return writeMessage("ended: the context of " + std::to_string(context) + " positions is full");
  }
}

Json toJson(const Generation &result, const Tokens &prompt, bool withTopLogits) {
  Json json = {{"prompt_ids", prompt},
               {"ids", result.ids},
               {"text", result.text},
               {"finish", getName(result.finish)},
               {"timings",
                {{"prefill_tokens_per_second", result.prefillTokensPerSecond},
                 {"decode_tokens_per_second", result.decodeTokensPerSecond},
                 {"first_token_ms", result.firstTokenMs}}}};
  if (withTopLogits)
    json["top_logits"] = result.topLogits;
  return json;
}

void checkLength(const Tokens &prompt, const Session &session) {
  if (prompt.size() > session.getContext())
    throw rt::Failure(NYALA_CONTEXT_FULL,
                      "the prompt has " + std::to_string(prompt.size()) + " tokens, the context " +
                          std::to_string(session.getContext()) +
                          " positions; shorten the prompt, or use a longer context");
}

void answerOnce(const Model &model, Session &session, const Tokens &prompt,
                const RunOptions &options) {
  checkLength(prompt, session);
  const auto print = [&](std::string_view text) {
    if (!options.json)
      writeOutput(text);
  };
  const Generation result = generate(model, session, prompt, options, print);
  if (options.json)
    writeOutput(toJson(result, prompt, options.topLogits > 0).dump() + "\n");
  else if (isatty(STDOUT_FILENO))
    writeOutput("\n");
  if (!options.json || result.finish == Finish::Context)
    reportGeneration(result, prompt.size(), session.getContext());
}

std::vector<ChatMessage> beginChat(const RunOptions &options) {
  std::vector<ChatMessage> messages;
  if (options.system) {
    checkText(*options.system, "the system message");
    messages.push_back({"system", *options.system});
  }
  return messages;
}

/// One line from the terminal, without its end. False at the end of input.
bool readLine(std::string &line) {
  line.clear();
  std::fputs("> ", stderr);
  for (char c;;) {
    const ssize_t count = read(STDIN_FILENO, &c, 1);
    throwIfInterrupted();
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return !line.empty();
    if (c == '\n')
      return true;
    line += c;
  }
}

/// Answers line after line until the end of input. What the session has already read of the
/// conversation is not read again.
void converse(const Model &model, Session &session, const RunOptions &options) {
  std::vector<ChatMessage> messages = beginChat(options);
  Tokens known;
  for (std::string line; readLine(line);) {
    if (line.empty())
      continue;
    checkText(line, "the message");
    messages.push_back({"user", line});
    const Tokens tokens = tokenizeChat(model, messages, options.special);
    checkLength(tokens, session);
    size_t common = 0;
    while (common < known.size() && common + 1 < tokens.size() && known[common] == tokens[common])
      ++common;
    session.rollback(static_cast<uint32_t>(common));
    const Generation result =
        generate(model, session, std::span(tokens).subspan(common), options, writeOutput);
    writeOutput("\n");
    if (result.finish == Finish::Context)
      reportGeneration(result, tokens.size(), session.getContext());
    messages.push_back({"assistant", result.text});
    known = tokens;
    known.insert(known.end(), result.ids.begin(), result.ids.end());
    known.resize(session.getPosition());
  }
  std::fputs("\n", stderr);
}

void reportPerplexity(const Model &model, Session &session, const std::string &text, bool json) {
  const Perplexity result =
      computePerplexity(session, model.getInfo().vocabulary, model.tokenize(text, false));
  if (json)
    return writeOutput(
        Json{{"perplexity", result.value}, {"tokens", result.tokens}, {"windows", result.windows}}
            .dump() +
        "\n");
  char line[96];
  std::snprintf(line, sizeof(line), "perplexity %.6g over %zu tokens\n", result.value,
                result.tokens);
  writeOutput(line);
}

/// The text that is given beforehand; absent for a conversation.
std::optional<std::string> readGivenText(const RunOptions &options) {
  std::string text;
  if (options.perplexityFile)
    text = readText(*options.perplexityFile);
  else if (options.prompt)
    text = *options.prompt;
  else if (options.promptFile)
    text = readText(*options.promptFile);
  else if (isatty(STDIN_FILENO))
    return std::nullopt;
  else
    text = readText("-");
  checkText(text, options.perplexityFile ? "the text" : "the prompt");
  // The end of a file's last line belongs to the file, not to what somebody says.
  if (options.chat && !options.prompt && text.ends_with('\n'))
    text.pop_back();
  return text;
}

void runModel(const RunOptions &options) {
  const std::optional<std::string> text = readGivenText(options);
  const Model model = openModel(options.model);
  Session session(model, options.session, options.sampler);
  if (!text)
    return converse(model, session, options);
  if (options.perplexityFile)
    return reportPerplexity(model, session, *text, options.json);
  if (!options.chat)
    return answerOnce(model, session, tokenizePrompt(model, *text, options.special), options);
  std::vector<ChatMessage> messages = beginChat(options);
  messages.push_back({"user", *text});
  answerOnce(model, session, tokenizeChat(model, messages, options.special), options);
}

} // namespace

int run(const RunOptions &options) {
  return runTool("nyala-run", [&] { runModel(options); });
}

} // namespace nyala
