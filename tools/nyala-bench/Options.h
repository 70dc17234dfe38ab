//===- Options.h - Command line of nyala-bench ------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_BENCH_OPTIONS_H
#define NYALA_TOOLS_NYALA_BENCH_OPTIONS_H

#include "tools/run-support/Model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nyala {

struct BenchOptions {
  std::string model;
  DeviceChoice device;
  std::vector<uint32_t> threads;       ///< of a CPU; empty: one per usable core
  uint32_t promptTokens = 512;         ///< 0: no prefill
  uint32_t generatedTokens = 128;      ///< 0: no decode
  std::vector<uint32_t> depths = {0};  ///< positions in the cache before the timed part
  std::vector<uint32_t> batches = {1}; ///< sequences that are decoded together
  uint32_t repetitions = 5;
  uint32_t warmup = 1; ///< repetitions that are not counted
  std::optional<std::string> perplexityFile;
  bool perDispatch = false;
  bool profileOps = false;
  std::optional<std::string> costsFile; ///< if profileOps
  bool generates = false;               ///< does an option say what is generated?
  bool json = false;
};

/// Absent: go on. Otherwise the exit code: 0 after --help and --version, 2 after wrong usage,
/// which has been reported.
std::optional<int> parseOptions(int argc, char **argv, BenchOptions &options);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_BENCH_OPTIONS_H
