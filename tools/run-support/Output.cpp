//===- Output.cpp - What a tool says and writes ---------------------------===//

#include "tools/run-support/Output.h"
#include "runtime/core/OutputFile.h"
#include "runtime/core/Status.h"
#include "tools/run-support/Interrupt.h"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace nyala {

void writeOutput(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<size_t>(written));
    else if (errno == EPIPE)
      throw OutputClosed();
    else if (errno == EINTR)
      throwIfInterrupted();
    else
      throw rt::Failure(NYALA_IO_ERROR,
                        "cannot write to standard output: " + rt::describeError(errno));
  }
}

void writeText(const std::string &path, const std::string &text) {
  rt::OutputFile file(path);
  file.write(0, std::as_bytes(std::span(text)));
  file.commit();
}

static const char *toolName = "nyala";

void setToolName(const char *name) { toolName = name; }

void writeMessage(const std::string &message) {
  std::fprintf(stderr, "%s: %s\n", toolName, message.c_str());
}

} // namespace nyala
