//===- RematReport.h - What takes a training step's memory ------*- C++ -*-===//
//
// Of reports of rematerialization (passes/remat/Report.h), which are executed
// again here. RematReport.cpp does it with LLVM; builds without LLVM have
// NoRematReport.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_REMATREPORT_H
#define NYALA_TOOLS_NYALA_INSPECT_REMATREPORT_H

#include "tools/run-support/SvgPlot.h"

#include <string>

namespace nyala::inspect {

struct RematReport {
  std::string text; ///< the summary, and what lies in memory at the peaks
  Plot memory;      ///< live bytes step by step, with and without recomputation, and the budget
};

/// Reads the report in a file. Throws rt::Failure, also in builds without LLVM.
RematReport readRematReport(const std::string &path);

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_REMATREPORT_H
