//===- Output.h - Standard output and error of a tool -----------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_OUTPUT_H
#define NYALA_TOOLS_RUNSUPPORT_OUTPUT_H

#include <string>
#include <string_view>

namespace nyala {

/// Whoever read standard output has gone (`| head`): the tool ends quietly.
struct OutputClosed {};

/// Writes at once. Throws OutputClosed, or rt::Failure if the text cannot be written.
void writeOutput(std::string_view text);

/// What messages begin with; a literal.
void setToolName(const char *name);

/// "TOOL: MESSAGE" on standard error.
void writeMessage(const std::string &message);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_OUTPUT_H
