//===- SavedSession.cpp - The file of --session ---------------------------===//

#include "tools/nyala-run/SavedSession.h"
#include "runtime/core/Status.h"
#include "tools/run-support/Interrupt.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <filesystem>
#include <unistd.h>

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace nyala {

SavedSession::SavedSession(Session &session, const std::optional<std::string> &path)
    : session(session), path(path) {
  if (!path)
    return;
  // Known before a long generation and not after it.
  const fs::path folder = fs::path(*path).parent_path();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0)
    throw rt::Failure(NYALA_IO_ERROR, "cannot write '" + *path + "': " + rt::describeError(errno));
  std::error_code error;
  if (fs::exists(*path, error))
    session.restore(*path);
}

std::vector<ChatMessage> SavedSession::getMessages() const {
  std::vector<ChatMessage> messages;
  const std::string_view note = session.getNote();
  if (note.empty())
    return messages;
  try {
    const Json conversation = Json::parse(note);
    for (const Json &message : conversation.at("messages"))
      messages.push_back(
          {message.at("role").get<std::string>(), message.at("content").get<std::string>()});
  } catch (const Json::exception &) {
    throw rt::Failure(NYALA_INVALID_ARGUMENT,
                      "'" + *path +
                          "' has the note of another program, expected a conversation; "
                          "begin a new session");
  }
  return messages;
}

void SavedSession::setMessages(const std::vector<ChatMessage> &messages) {
  Json list = Json::array();
  for (const ChatMessage &message : messages)
    list.push_back({{"role", message.role}, {"content", message.content}});
  session.setNote(messages.empty() ? "" : Json{{"messages", list}}.dump());
}

void SavedSession::save() const {
  if (!path || session.getPosition() == 0)
    return;
  const HeldInterrupts held;
  session.save(*path);
}

} // namespace nyala
