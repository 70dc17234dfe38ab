//===- Prompt.cpp - From what the user gave to tokens ---------------------===//

#include "tools/run-support/Prompt.h"
#include "runtime/core/Status.h"
#include "runtime/text/Utf8.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/Output.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace nyala {

std::string readText(const std::string &path) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : "'" + path + "'";
  const int file = standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    throw rt::Failure(NYALA_NOT_FOUND, "cannot open " + name + ": " + rt::describeError(errno));
  std::string text;
  char buffer[1 << 16];
  ssize_t count;
  while ((count = read(file, buffer, sizeof(buffer))) != 0) {
    throwIfInterrupted();
    if (count > 0)
      text.append(buffer, static_cast<size_t>(count));
    else if (errno != EINTR)
      throw rt::Failure(NYALA_IO_ERROR, "cannot read " + name + ": " + rt::describeError(errno));
  }
  if (!standard)
    close(file);
  return text;
}

void checkText(const std::string &text, const std::string &source) {
  const size_t offset = rt::checkText(text, rt::NulBytes::Refused);
  if (offset != std::string::npos)
    throw rt::Failure(NYALA_INVALID_TEXT, source + ": " + rt::describeBadText(text, offset));
}

Tokens tokenizePrompt(const Model &model, const std::string &text, bool special) {
  Tokens ids = model.tokenize(text, special);
  if (!special) {
    const Tokens beginning = model.tokenize("", true);
    ids.insert(ids.begin(), beginning.begin(), beginning.end());
  }
  const int32_t bos = model.getInfo().bos;
  if (ids.empty() && bos >= 0)
    ids.push_back(bos);
  if (ids.empty())
    throw rt::Failure(NYALA_INVALID_ARGUMENT,
                      "the prompt is empty, and the model has no beginning-of-sequence token to "
                      "start from; give it some text");
  return ids;
}

} // namespace nyala
