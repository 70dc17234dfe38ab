//===- Output.h - Standard output and error of nyala-run --------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_OUTPUT_H
#define NYALA_TOOLS_NYALA_RUN_OUTPUT_H

#include <string>
#include <string_view>

namespace nyala {

/// Whoever read standard output has gone (`| head`): the tool ends quietly.
struct OutputClosed {};

/// Writes at once. Throws OutputClosed, or rt::Failure if the text cannot be written.
void writeOutput(std::string_view text);

/// "nyala-run: MESSAGE" on standard error.
void writeMessage(const std::string &message);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_OUTPUT_H
