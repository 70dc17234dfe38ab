//===- Inspect.cpp - What nyala-inspect does ------------------------------===//

#include "tools/nyala-inspect/Inspect.h"
#include "runtime/core/Status.h"
#include "tools/nyala-inspect/Disassembly.h"
#include "tools/nyala-inspect/RematReport.h"
#include "tools/nyala-inspect/Reports.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/Output.h"
#include "tools/run-support/Tool.h"

#include <fstream>
#include <vector>

namespace nyala::inspect {

/// Reports are JSON; artifacts begin with their own mark.
static bool isReport(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  char first = 0;
  return file >> first && first == '{';
}

static void printRematReport(const Options &options) {
  if (options.choosesOfArtifacts())
    throw rt::Failure(NYALA_INVALID_ARGUMENT,
                      "'" + options.artifact +
                          "' is a report of rematerialization, of which there are a summary and "
                          "--plot; the other options are for compiled models");
  const RematReport report = readRematReport(options.artifact);
  if (!options.plot.empty())
    writeText(options.plot, drawPlot(report.memory));
  if (options.summary || !options.choosesReports())
    writeOutput(report.text);
}

static void print(const Options &options) {
  if (isReport(options.artifact))
    return printRematReport(options);
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
  if (!options.plot.empty())
    writeText(options.plot, drawPlot(plotMemory(program)));
  // Printed only now: an unknown kernel is an error without half an answer.
  for (size_t i = 0; i < reports.size(); ++i)
    writeOutput((i == 0 ? "" : "\n") + reports[i]);
}

int run(const Options &options) {
  return runTool("nyala-inspect", [&] { print(options); });
}

} // namespace nyala::inspect
