//===- Options.h - What nyala-interpret was asked ---------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_OPTIONS_H
#define NYALA_TOOLS_NYALA_INTERPRET_OPTIONS_H

#include "ir/reference/Interpreter.h"

#include <string>
#include <vector>

namespace nyala::interpret {

struct Options {
  /// One module to run, or two to compare; "-" is standard input.
  std::vector<std::string> files;
  bool compare = false;
  std::string entry = "forward";
  std::string entryAfter; ///< of the second module; empty: as in the first
  reference::InterpreterOptions interpreter;
  std::vector<std::string> dims;   ///< "rows=5,wanted=2", "0.1=8"
  std::vector<std::string> inputs; ///< "tokens=1,2,3", "0=[[1,2],[3,4]]", "positions=file.json"
  /// Values a and b agree if |a - b| <= absolute + relative * |a|.
  double absoluteTolerance = 1e-5;
  double relativeTolerance = 1e-5;
  bool json = false;
  bool full = false; ///< print large tensors in full
};

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_OPTIONS_H
