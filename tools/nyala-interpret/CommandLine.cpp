#include "tools/nyala-interpret/CommandLine.h"

#include "llvm/ADT/StringRef.h"

#include <CLI/CLI.hpp>

using namespace nyala;
using namespace nyala::interpret;
using reference::Precision;

/// "1e-6/1e-5" (absolute/relative) or one number for both.
static std::string parseTolerance(const std::string &text, Options &options) {
  auto [absolute, relative] = llvm::StringRef(text).split('/');
  if (relative.empty())
    relative = absolute;
  if (absolute.getAsDouble(options.absoluteTolerance) ||
      relative.getAsDouble(options.relativeTolerance) || !(options.absoluteTolerance >= 0) ||
      !(options.relativeTolerance >= 0))
    return "expected ABSOLUTE/RELATIVE, two numbers that are not negative, got '" + text + "'";
  return "";
}

std::optional<int> interpret::parseCommandLine(int argc, char **argv, Options &options) {
  CLI::App app("Runs a function of a module by the meaning of its ops, or compares two modules.\n"
               "Arguments are random but for --input; tensors print as text or JSON.",
               "nyala-interpret");
  app.set_version_flag("--version", "nyala-interpret " NYALA_VERSION);
  app.add_option("files", options.files, "module; two with --compare; - is standard input")
      ->required()
      ->expected(1, 2);
  app.add_flag("--compare", options.compare,
               "run both modules on the same inputs and weights; exit with 1 if results differ");
  app.add_option("--entry", options.entry, "function to run")->capture_default_str();
  app.add_option("--entry-after", options.entryAfter,
                 "function of the second module (default: as --entry)");
  app.add_option("--seed", options.interpreter.seed, "of random arguments and weights")
      ->capture_default_str();
  std::string precision = "f32";
  app.add_option("--precision", precision,
                 "f32: each op's result is rounded to its type; f64: floats are not rounded")
      ->check(CLI::IsMember({"f32", "f64"}))
      ->capture_default_str();
  auto takesOne = [](CLI::Option *option) { option->expected(1)->take_all(); };
  takesOne(app.add_option("--dim", options.dims,
                          "sizes of dynamic dimensions: rows, wanted, sequences, slots, "
                          "ARGUMENT.DIMENSION; start is the first position (rows=5,slots=16)"));
  takesOne(app.add_option("--input", options.inputs,
                          "an argument by role, state or number: tokens=1,2,3, 0=[[1,2],[3,4]] or "
                          "positions=FILE.json"));
  app.add_flag("--random-weights", options.interpreter.randomWeights,
               "random values for all weights from files, which then need not be there");
  std::string tolerance;
  app.add_option("--tolerance", tolerance,
                 "ABSOLUTE/RELATIVE (default 1e-5/1e-5): |before - after| <= absolute + "
                 "relative * |before|")
      ->check([&](const std::string &text) { return parseTolerance(text, options); });
  app.add_flag("--json", options.json, "print JSON");
  app.add_flag("--full", options.full, "print large tensors in full");
  app.callback([&] {
    options.interpreter.precision = precision == "f64" ? Precision::F64 : Precision::F32;
    if (options.files.size() != (options.compare ? 2 : 1))
      throw CLI::ValidationError(options.compare ? "--compare: expected two modules"
                                                 : "expected one module (two with --compare)");
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}
