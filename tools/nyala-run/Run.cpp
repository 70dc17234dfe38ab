//===- Run.cpp - What nyala-run does --------------------------------------===//

#include "tools/nyala-run/Run.h"
#include "runtime/core/Status.h"
#include "tools/nyala-run/ChatPrompt.h"
#include "tools/nyala-run/Grounded.h"
#include "tools/nyala-run/Report.h"
#include "tools/nyala-run/SavedSession.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/ModelCache.h"
#include "tools/run-support/Output.h"
#include "tools/run-support/Perplexity.h"
#include "tools/run-support/Prompt.h"
#include "tools/run-support/Tool.h"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace nyala {
namespace {

using Json = nlohmann::ordered_json;

void checkLength(const Tokens &prompt, const Session &session) {
  if (prompt.size() > session.getContext())
    throw rt::Failure(NYALA_CONTEXT_FULL,
                      "the prompt has " + std::to_string(prompt.size()) + " tokens, the context " +
                          std::to_string(session.getContext()) +
                          " positions; shorten the prompt, or use a longer context");
}

Generation answerOnce(const Model &model, Session &session, const Tokens &prompt,
                      const RunOptions &options) {
  checkLength(prompt, session);
  const auto print = [&](std::string_view text) {
    if (!options.json)
      writeOutput(text);
  };
  Generation result = generate(model, session, prompt, options, print);
  if (result.finish == Finish::Interrupted)
    return result;
  if (options.json) {
    Json json = toJson(result, prompt, model);
    if (options.topLogits > 0)
      json["top_logits"] = result.topLogits;
    writeOutput(json.dump() + "\n");
  } else if (isatty(STDOUT_FILENO)) {
    writeOutput("\n");
  }
  if (!options.json || result.finish == Finish::Context)
    reportGeneration(result, prompt.size(), session.getContext());
  return result;
}

/// What was said before, and the system message.
std::vector<ChatMessage> beginChat(const SavedSession &saved, const RunOptions &options) {
  std::vector<ChatMessage> messages = saved.getMessages();
  if (options.system) {
    checkText(*options.system, "the system message");
    if (!messages.empty() && messages[0].role == "system")
      messages.erase(messages.begin());
    messages.insert(messages.begin(), {"system", *options.system});
  }
  return messages;
}

/// Adds the answer to the last message. One that was interrupted before it began counts as not
/// asked for.
void addAnswer(std::vector<ChatMessage> &messages, const Generation &result, SavedSession &saved) {
  if (result.finish == Finish::Interrupted && result.ids.empty())
    messages.pop_back();
  else
    messages.push_back({"assistant", result.text});
  if (saved)
    saved.setMessages(messages);
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
void converse(const Model &model, Session &session, SavedSession &saved,
              std::vector<ChatMessage> messages, const RunOptions &options) {
  for (std::string line; readLine(line);) {
    if (line.empty())
      continue;
    checkText(line, "the message");
    messages.push_back({"user", line});
    const Tokens tokens = tokenizeChat(model, messages, options.special);
    checkLength(tokens, session);
    const Generation result = generate(model, session, tokens, options, writeOutput);
    writeOutput("\n");
    if (result.finish == Finish::Context)
      reportGeneration(result, tokens.size(), session.getContext());
    addAnswer(messages, result, saved);
    if (result.finish == Finish::Interrupted)
      throw Interrupted();
  }
  std::fputs("\n", stderr);
}

void reportPerplexity(const Model &model, Session &session, const std::string &text, bool json) {
  const Perplexity result =
      computePerplexity(session, model.getInfo().vocabulary, model.tokenize(text, false));
  if (json)
    return writeOutput(Json{{"perplexity", result.value},
                            {"tokens", result.tokens},
                            {"windows", result.windows},
                            {"cpu", model.getInfo().cpu},
                            {"device", model.getInfo().device}}
                           .dump() +
                       "\n");
  char line[96];
  std::snprintf(line, sizeof(line), "perplexity %.6g over %zu tokens\n", result.value,
                result.tokens);
  writeOutput(line);
}

/// The text that is given beforehand; absent for a conversation, and where a saved text goes on.
std::optional<std::string> readGivenText(const RunOptions &options) {
  std::string text;
  if (options.perplexityFile)
    text = readText(*options.perplexityFile);
  else if (options.prompt)
    text = *options.prompt;
  else if (options.promptFile)
    text = readText(*options.promptFile);
  else if (!options.chat || isatty(STDIN_FILENO))
    return std::nullopt;
  else
    text = readText("-");
  checkText(text, options.perplexityFile ? "the text" : "the prompt");
  // The end of a file's last line belongs to the file, not to what somebody says.
  if ((options.chat || options.data) && !options.prompt && text.ends_with('\n'))
    text.pop_back();
  return text;
}

void chat(const Model &model, Session &session, SavedSession &saved,
          const std::optional<std::string> &text, const RunOptions &options) {
  std::vector<ChatMessage> messages = beginChat(saved, options);
  if (!text)
    return converse(model, session, saved, std::move(messages), options);
  messages.push_back({"user", *text});
  const Tokens prompt = tokenizeChat(model, messages, options.special);
  const Generation result = answerOnce(model, session, prompt, options);
  addAnswer(messages, result, saved);
  if (result.finish == Finish::Interrupted)
    throw Interrupted();
}

/// The last token that was generated has not been evaluated. A saved text needs it, so that it goes
/// on behind it.
void appendLast(Session &session, const Generation &result, size_t promptTokens) {
  const bool goesOn = result.finish == Finish::Length || result.finish == Finish::Interrupted;
  if (!goesOn || result.ids.empty() ||
      session.getPosition() + 1 != promptTokens + result.ids.size() ||
      session.getPosition() == session.getContext())
    return;
  nyala_session_clear_cancel(session.get());
  session.decode(result.ids.back());
}

void complete(const Model &model, Session &session, SavedSession &saved,
              const std::optional<std::string> &text, const RunOptions &options) {
  const std::span<const int32_t> held = session.getTokens();
  if (!text && held.empty())
    throw rt::Failure(NYALA_NOT_FOUND, "there is no prompt, and no text in '" +
                                           *options.sessionFile +
                                           "' to go on with; give a prompt (-p, -f or --chat)");
  const Tokens prompt =
      text ? tokenizePrompt(model, *text, options.special) : Tokens(held.begin(), held.end());
  saved.setMessages({});
  const Generation result = answerOnce(model, session, prompt, options);
  if (saved)
    appendLast(session, result, prompt.size());
  if (result.finish == Finish::Interrupted)
    throw Interrupted();
}

void runModel(const RunOptions &options) {
  const std::optional<std::string> text = readGivenText(options);
  if (options.data)
    return runGrounded(options, text.value_or("Summarize the data."));
  const Model model = openModel(options.model, options.device);
  Session session(model, options.session, options.sampler);
  if (options.perplexityFile)
    return reportPerplexity(model, session, *text, options.json);
  SavedSession saved(session, options.sessionFile);
  try {
    (options.chat ? chat : complete)(model, session, saved, text, options);
  } catch (...) {
    // An interrupt, a closed pipe, a full context: what there is so far is worth keeping.
    saved.save();
    throw;
  }
  saved.save();
}

} // namespace

int run(const RunOptions &options) {
  return runTool("nyala-run", [&] { runModel(options); });
}

} // namespace nyala
