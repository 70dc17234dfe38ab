//===- CommandLine.cpp - Options of nyala-reduce --------------------------===//
#include "tools/nyala-reduce/Reduce.h"

#include <CLI/CLI.hpp>

using namespace nyala;

std::optional<int> nyala::parseCommandLine(int argc, char **argv, ReduceOptions &options) {
  CLI::App app("Makes a module smaller, as long as a test finds it interesting: removes ops,\n"
               "functions, weights, arguments and results, and uses earlier values instead of an\n"
               "op's results.",
               "nyala-reduce");
  app.footer(
      "Example:\n"
      "  nyala-reduce model.mlir --test ./shows-the-bug.sh -o small.mlir\n"
      "The test is run as 'TEST [ARGUMENTS] MODULE' and exits with 1 if the module shows the "
      "bug, with 0\nif not. docs/debugging.md has one for miscompiles.\n"
      "Exit codes: 0 done, 1 error in the module, the test or the environment, 2 wrong "
      "usage.");
  app.set_version_flag("--version", "nyala-reduce " NYALA_VERSION);
  app.add_option("module", options.input, "The module")->required()->type_name("FILE");
  app.add_option("--test", options.test, "The program that decides")
      ->required()
      ->type_name("PROGRAM");
  app.add_option("--test-arg", options.testArguments,
                 "An argument of the test; may be given several times")
      ->expected(1)
      ->take_all()
      ->type_name("TEXT");
  app.add_option("-o,--output", options.output,
                 "Where to write the module; replaced only when complete (default: standard "
                 "output)")
      ->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}
