//===- Reports.h - An artifact as text and as JSON --------------*- C++ -*-===//
//
// Each report is whole lines for standard output; docs/inspecting.md explains
// them. Artifacts are checked (rt::Artifact), so hardly anything fails here.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_REPORTS_H
#define NYALA_TOOLS_NYALA_INSPECT_REPORTS_H

#include "runtime/core/Artifact.h"
#include "tools/run-support/SvgPlot.h"

#include <string>

namespace nyala::inspect {

std::string reportSummary(const rt::Artifact &artifact);

/// Signatures of the entry points, with `steps` also their steps.
std::string reportEntries(const artifact::Artifact &program, bool steps);

/// Which values lie in the arena of each entry point, step by step.
std::string reportMemory(const artifact::Artifact &program);

/// Live bytes in the arena of each entry point, step by step. Throws rt::Failure if the artifact
/// does not say what its steps write.
Plot plotMemory(const artifact::Artifact &program);

std::string reportKernels(const artifact::Artifact &program);

std::string reportWeights(const artifact::Artifact &program);

/// All of the above as one JSON object on one line.
std::string reportJson(const rt::Artifact &artifact);

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_REPORTS_H
