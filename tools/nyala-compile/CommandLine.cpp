//===- CommandLine.cpp - Options of nyala-compile -------------------------===//
#include "tools/nyala-compile/Compiler.h"

#include <CLI/CLI.hpp>
#include <map>

using namespace nyala;

std::optional<int> nyala::parseCommandLine(int argc, char **argv, CompileOptions &options) {
  const std::map<std::string, Phase> phases{{"input", Phase::Input},
                                            {"model", Phase::Model},
                                            {"dispatch", Phase::Dispatch},
                                            {"kernel", Phase::Kernel},
                                            {"program", Phase::Program}};
  const CLI::IsMember isPhase({"input", "model", "dispatch", "kernel", "program"});
  std::string from, to;
  std::string target = "cpu", weights = "inline";
  CLI::App app(
      "Compiles a model ahead of time. Models: GGUF files, and directories of Hugging Face "
      "checkpoints\n(config.json and safetensors).",
      "nyala-compile");
  app.footer("Examples:\n"
             "  nyala-compile model.gguf -o model.nyala && nyala-run model.nyala -p 'Hello'\n"
             "  nyala-compile SmolLM2-135M-Instruct/ -o model.nyala\n"
             "  nyala-compile model.gguf --compile-to=dispatch | less\n"
             "Phases: input, model, dispatch, kernel, program (docs/architecture.md).\n"
             "Exit codes: 0 done, 1 error in the model or the environment, 2 wrong usage.");
  app.set_version_flag("--version", "nyala-compile " NYALA_VERSION);
  app.add_option("model", options.input,
                 "The model file or directory, or the module to resume from")
      ->required()
      ->type_name("PATH");
  app.add_option("-o,--output", options.output,
                 "The artifact (default: the model's name with .nyala), or the module of "
                 "--compile-to (default: standard output)");
  app.add_option("--target", target, "What to generate code for")
      ->check(CLI::IsMember({"cpu"}))
      ->capture_default_str();
  app.add_option("--cpu", options.cpu,
                 "CPU whose features kernels may use: native, x86-64-v3, x86-64-v4, "
                 "sapphirerapids, …")
      ->capture_default_str();
  app.add_option("--arithmetic", options.arithmetic,
                 "How products are computed: native (block-quantized weights times 8-bit "
                 "activations, in integers), or f32")
      ->check(CLI::IsMember({"native", "f32"}))
      ->capture_default_str();
  app.add_option("--kv-type", options.kvType,
                 "Numbers that the cache of keys and values holds (default: f16 with native "
                 "arithmetic, f32 with f32)")
      ->check(CLI::IsMember({"f16", "f32"}));
  app.add_option("--context", options.context,
                 "Capacity in positions (default: what the model was trained for)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 31));
  app.add_option("--prefill-rows", options.prefillRows, "Tokens of a prompt computed together")
      ->check(CLI::Range(int64_t(1), int64_t(65536)))
      ->capture_default_str();
  app.add_option("--weights", weights,
                 "inline: in the artifact; external: in a second file, OUTPUT.weights")
      ->check(CLI::IsMember({"inline", "external"}))
      ->capture_default_str();
  app.add_option("--compile-to", to, "Stop after a phase and write its module")->check(isPhase);
  app.add_option("--compile-from", from, "Resume from a module of a phase")->check(isPhase);
  app.add_option("--dump-phases-to", options.dumpDirectory, "Write each phase's module to a folder")
      ->type_name("DIR");
  app.add_option("--remarks-filter", options.remarks,
                 "Print remarks of the passes whose names match a regular expression")
      ->type_name("REGEX");
  app.add_flag("-q,--quiet", options.quiet, "Print errors only");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.kvType.empty())
    options.kvType = options.arithmetic == "native" ? "f16" : "f32";
  options.externalWeights = weights == "external";
  options.resume = !from.empty();
  if (options.resume)
    options.from = phases.at(from);
  if (!to.empty())
    options.to = phases.at(to);
  return std::nullopt;
}
