//===- Options.h - Command line of nyala-run --------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_OPTIONS_H
#define NYALA_TOOLS_NYALA_RUN_OPTIONS_H

#include "tools/run-support/Model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nyala {

/// Text about data, with references into them.
struct DataOptions {
  std::string file;                ///< JSON; "-": standard input
  std::vector<std::string> fields; ///< globs of those that the prompt shows; empty: all
  bool isIndirect = false;         ///< prose first, then a rewrite with references
  bool showPrompt = false;         ///< print the prompt, and stop
  std::optional<nyala_rendering> rendering;
  std::optional<std::string> output; ///< absent: standard output
};

struct RunOptions {
  std::string model;
  DeviceChoice device;
  std::optional<std::string> prompt;
  std::optional<std::string> promptFile; ///< "-": standard input
  std::optional<std::string> perplexityFile;
  std::optional<std::string> sessionFile;
  std::optional<uint64_t> maxTokens; ///< absent: until the end of the text or of the context
  bool chat = false;
  std::optional<std::string> system;
  bool special = true; ///< text that spells a special token is that token
  std::vector<std::string> stops;
  std::optional<DataOptions> data;
  bool json = false;
  uint32_t topLogits = 0;
  nyala_session_options session = {};
  nyala_sampler_options sampler = greedySampler;
};

/// Absent: go on. Otherwise the exit code: 0 after --help and --version, 2 after wrong usage,
/// which has been reported.
std::optional<int> parseOptions(int argc, char **argv, RunOptions &options);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_OPTIONS_H
