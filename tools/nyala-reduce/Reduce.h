//===- Reduce.h - What nyala-reduce does ------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_REDUCE_REDUCE_H
#define NYALA_TOOLS_NYALA_REDUCE_REDUCE_H

#include <optional>
#include <string>
#include <vector>

namespace nyala {

struct ReduceOptions {
  std::string input; ///< a module as text or bytecode
  std::string output = "-";
  /// A program that is given a module's file and exits with 1 if that is interesting, else with 0
  /// (the convention of mlir-reduce).
  std::string test;
  std::vector<std::string> testArguments; ///< come before the file
};

/// Absent if there is work to do, else the exit code: 0 after --help, 2 after wrong usage.
std::optional<int> parseCommandLine(int argc, char **argv, ReduceOptions &options);

/// Reduces the module and writes the smallest one found. Returns the exit code.
int runReduce(const ReduceOptions &options);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_REDUCE_REDUCE_H
