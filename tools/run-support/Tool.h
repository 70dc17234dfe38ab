//===- Tool.h - The frame of programs that run models -----------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_TOOL_H
#define NYALA_TOOLS_RUNSUPPORT_TOOL_H

#include <functional>

namespace nyala {

/// Runs `body`, catching interrupts. Reports what it throws on standard error, as `tool`; returns
/// the exit code.
int runTool(const char *tool, const std::function<void()> &body);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_TOOL_H
