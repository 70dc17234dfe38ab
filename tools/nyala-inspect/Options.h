//===- Options.h - Command line of nyala-inspect ----------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_OPTIONS_H
#define NYALA_TOOLS_NYALA_INSPECT_OPTIONS_H

#include <optional>
#include <string>

namespace nyala::inspect {

struct Options {
  std::string artifact; ///< or a report of rematerialization
  bool json = false;
  bool summary = false; ///< also if no report is chosen
  bool entries = false, steps = false, memory = false, kernels = false, weights = false;
  /// A kernel's name, or empty for all kernels; absent: no disassembly.
  std::optional<std::string> disassemble;
  std::string plot; ///< path of a picture of memory; "": none

  bool choosesOfArtifacts() const {
    return json || entries || steps || memory || kernels || weights || disassemble;
  }
  bool choosesReports() const {
    return summary || entries || steps || memory || kernels || weights || disassemble ||
           !plot.empty();
  }
};

/// Absent if there is work to do, else the exit code: 0 after --help, 2 after wrong usage.
std::optional<int> parseOptions(int argc, char **argv, Options &options);

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_OPTIONS_H
