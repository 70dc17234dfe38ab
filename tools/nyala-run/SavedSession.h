//===- SavedSession.h - The file of --session -------------------*- C++ -*-===//
//
// Its note is the conversation so far, as JSON: {"messages": [{"role", "content"}]}.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_RUN_SAVEDSESSION_H
#define NYALA_TOOLS_NYALA_RUN_SAVEDSESSION_H

#include "tools/nyala-run/ChatPrompt.h"

#include <optional>

namespace nyala {

/// Where a session comes from and goes to; nowhere if there is no file's name.
class SavedSession {
public:
  /// Restores the session if the file exists. Throws rt::Failure, also if the file could not be
  /// written later.
  SavedSession(Session &session, const std::optional<std::string> &path);

  /// Will the session be saved?
  explicit operator bool() const { return path.has_value(); }
  /// Empty unless the session is a chat's.
  std::vector<ChatMessage> getMessages() const;
  void setMessages(const std::vector<ChatMessage> &messages);
  /// Writes the file, unless the session is empty. Interrupts wait meanwhile.
  void save() const;

private:
  Session &session;
  std::optional<std::string> path;
};

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_SAVEDSESSION_H
