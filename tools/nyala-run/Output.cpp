//===- Output.cpp - Standard output and error of nyala-run ----------------===//

#include "tools/nyala-run/Output.h"
#include "runtime/core/Status.h"
#include "tools/nyala-run/Interrupt.h"

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

void writeMessage(const std::string &message) {
  std::fprintf(stderr, "nyala-run: %s\n", message.c_str());
}

} // namespace nyala
