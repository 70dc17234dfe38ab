//===- Output.h - What a tool says and writes -------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_OUTPUT_H
#define NYALA_TOOLS_RUNSUPPORT_OUTPUT_H

#include <string>
#include <string_view>

namespace nyala {

/// Whoever read standard output has gone (`| head`): the tool ends quietly.
struct OutputClosed {};

/// Writes at once. Throws OutputClosed, or rt::Failure if the text cannot be written.
void writeOutput(std::string_view text);

/// Writes a small file aside, waits until it is on the disk, and renames it. Throws rt::Failure.
void writeText(const std::string &path, const std::string &text);

/// What messages begin with; a literal.
void setToolName(const char *name);

/// "TOOL: MESSAGE" on standard error.
void writeMessage(const std::string &message);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_OUTPUT_H
