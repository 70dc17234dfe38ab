//===- Options.cpp - Command line of nyala-inspect ------------------------===//

#include "tools/nyala-inspect/Options.h"
#include "runtime/nyala.h"

#include <CLI/CLI.hpp>

namespace nyala::inspect {

std::optional<int> parseOptions(int argc, char **argv, Options &options) {
  CLI::App app(
      "Shows what is in a compiled model, whatever CPU it is for, and what takes the memory of "
      "a training\nstep (reports of nyala-compile --remat-report). Without options: a "
      "summary.",
      "nyala-inspect");
  app.footer("Examples:\n"
             "  nyala-inspect model.nyala --steps | less\n"
             "  nyala-inspect model.nyala --disassemble decode_linear\n"
             "  nyala-inspect model.nyala --json | jq '.kernels[] | {name, bytes, uses}'\n"
             "  nyala-inspect report.json --plot memory.svg\n"
             "docs/inspecting.md explains the output. Exit codes: 0 done, 1 error in the artifact "
             "or the\nenvironment, 2 wrong usage.");
  app.set_version_flag("--version", std::string("nyala-inspect ") + nyala_version());
  app.add_option("model", options.artifact,
                 "The compiled model (.nyala), or the report of a training "
                 "step's recomputation (.json)")
      ->required()
      ->type_name("FILE");
  app.add_flag("--entries", options.entries, "Entry points with their arguments and results");
  app.add_flag("--steps", options.steps,
               "The steps of the entry points: kernel, rows, tiles, waits, cost, buffers");
  app.add_flag("--memory", options.memory,
               "Which values lie in an entry point's arena, step by step");
  app.add_flag("--kernels", options.kernels, "Kernels with their sizes and uses");
  app.add_flag("--weights", options.weights, "Weights, and totals by format");
  std::string kernel;
  CLI::Option *disassemble =
      app.add_option("--disassemble", kernel,
                     "The machine code of a kernel, or of all; of GPUs, their PTX")
          ->expected(0, 1)
          ->type_name("[KERNEL]");
  app.add_option("--plot", options.plot,
                 "Draw memory over the steps as SVG: of a report with and without recomputation, "
                 "of a compiled model what is live in the arena of each entry point")
      ->type_name("SVG");
  bool all = false;
  app.add_flag("--all", all, "The summary and all of this but the machine code");
  app.add_flag("--json", options.json, "Print everything but the machine code as one JSON object")
      ->excludes(disassemble);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (all)
    options.summary = options.entries = options.steps = options.memory = options.kernels =
        options.weights = true;
  if (disassemble->count() > 0)
    options.disassemble = kernel;
  return std::nullopt;
}

} // namespace nyala::inspect
