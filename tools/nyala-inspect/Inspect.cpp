//===- Inspect.cpp - What nyala-inspect does ------------------------------===//

#include "tools/nyala-inspect/Inspect.h"
#include "tools/nyala-inspect/Disassembly.h"
#include "tools/nyala-inspect/Reports.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/Output.h"
#include "tools/run-support/Tool.h"

#include <vector>

namespace nyala::inspect {

static void print(const Options &options) {
  const rt::Artifact artifact(options.artifact);
  throwIfInterrupted(); // checking the weights of a large file takes a while
  if (options.json)
    return writeOutput(reportJson(artifact));
  const artifact::Artifact &program = artifact.program();
  std::vector<std::string> reports;
  if (options.summary || !options.choosesReports())
    reports.push_back(reportSummary(artifact));
  if (options.entries || options.steps)
    reports.push_back(reportEntries(program, options.steps));
  if (options.memory)
    reports.push_back(reportMemory(program));
  if (options.kernels)
    reports.push_back(reportKernels(program));
  if (options.weights)
    reports.push_back(reportWeights(program));
  if (options.disassemble)
    reports.push_back(reportMachineCode(artifact, *options.disassemble));
  // Printed only now: an unknown kernel is an error without half an answer.
  for (size_t i = 0; i < reports.size(); ++i)
    writeOutput((i == 0 ? "" : "\n") + reports[i]);
}

int run(const Options &options) {
  return runTool("nyala-inspect", [&] { print(options); });
}

} // namespace nyala::inspect
