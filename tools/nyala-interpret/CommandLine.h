//===- CommandLine.h - nyala-interpret's arguments --------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_COMMANDLINE_H
#define NYALA_TOOLS_NYALA_INTERPRET_COMMANDLINE_H

#include "tools/nyala-interpret/Options.h"

#include <optional>

namespace nyala::interpret {

/// Fills `options`. Returns the exit code if there is nothing left to do: 0 after --help, 2 after a
/// message about wrong usage.
std::optional<int> parseCommandLine(int argc, char **argv, Options &options);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_COMMANDLINE_H
