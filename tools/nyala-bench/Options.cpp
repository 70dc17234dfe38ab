//===- Options.cpp - Command line of nyala-bench --------------------------===//

#include "tools/nyala-bench/Options.h"
#include "runtime/nyala.h"
#include "tools/run-support/CommandLine.h"

namespace nyala {
namespace {

/// A list of numbers, separated by commas.
CLI::Option *addList(CLI::App &app, const char *name, std::vector<uint32_t> &values,
                     const char *help) {
  return app.add_option(name, values, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("N[,N...]");
}

CLI::Option *addCount(CLI::App &app, const char *name, uint32_t &value, int64_t least,
                      const char *help, const std::string &expected) {
  return app.add_option(name, value, help)
      ->check(between<int64_t>(least, maxCount, expected))
      ->capture_default_str()
      ->type_name("N");
}

void addTestOptions(CLI::App &app, BenchOptions &options) {
  addCount(app, "-p,--prompt", options.promptTokens, 0,
           "Tokens of the prompt that prefill and first_token are timed with; 0: neither",
           "a number of tokens, 0 or more");
  addCount(app, "-n", options.generatedTokens, 0,
           "Tokens that decode is timed with; 0: no such test", "a number of tokens, 0 or more");
  addList(app, "-d,--depth", options.depths,
          "Positions that are in the cache before the timed part (default: 0)")
      ->check(between<int64_t>(0, maxCount, "a number of positions, 0 or more"));
  addList(app, "-b,--batch", options.batches,
          "Sequences that decode has in one step; the one at i has i positions more than --depth "
          "(default: 1)")
      ->check(between<int64_t>(1, 65536, "1 to 65536 sequences"));
  app.add_option_function<std::string>(
         "--perplexity", [&](const std::string &path) { options.perplexityFile = path; },
         "Compute the perplexity of this file instead, over windows of 512 tokens; -: standard "
         "input")
      ->type_name("FILE");
  for (const char *other : {"-p", "-n", "-d", "-b"})
    app.get_option("--perplexity")->excludes(other);
}

void addRunOptions(CLI::App &app, BenchOptions &options) {
  addDeviceOption(app, options.device.device);
  app.add_flag("--random-weights", options.device.randomWeights,
               "Make numbers up for a model that was compiled with --weights=none, on a GPU");
  addList(app, "-t,--threads", options.threads,
          "Threads of a CPU (default: one per physical core that may be used)")
      ->check(between<int64_t>(1, 256, "1 to 256 threads"));
  addCount(app, "-r,--repetitions", options.repetitions, 1, "Samples of each test",
           "a number of repetitions");
  addCount(app, "--warmup", options.warmup, 0, "Repetitions before them that are not counted",
           "a number of repetitions, 0 or more");
  app.add_flag("--per-dispatch", options.perDispatch,
               "Also say what each kernel takes, beside what this machine can read and compute")
      ->excludes("--perplexity");
  app.add_flag("--profile-ops", options.profileOps,
               "Write what each kernel of a training step takes to the file of -o, for "
               "rematerialization (costs=FILE)");
  app.add_option_function<std::string>(
         "-o,--output", [&](const std::string &path) { options.costsFile = path; },
         "The file of --profile-ops (JSON)")
      ->needs("--profile-ops")
      ->type_name("FILE");
  app.get_option("--profile-ops")->needs("-o");
  app.add_flag("--json", options.json, "Print JSON, one object a line");
}

} // namespace

std::optional<int> parseOptions(int argc, char **argv, BenchOptions &options) {
  CLI::App app(
      "Measures how fast a compiled model runs: prefill, time to the first token, decode; or a "
      "compiled\ntraining step. A .gguf file or the directory of a checkpoint is compiled first, "
      "and the result kept\nin $XDG_CACHE_HOME/nyala or ~/.cache/nyala.",
      "nyala-bench");
  app.footer(
      "Examples:\n"
      "  nyala-bench model.nyala -t 1,2\n"
      "  nyala-bench model.nyala -p 0 -n 64 -d 0,1024,4096 --json\n"
      "  nyala-bench model.nyala -p 0 -b 1,4,16\n"
      "  nyala-bench model.nyala -p 0 --per-dispatch\n"
      "  nyala-bench model.nyala --device cuda --random-weights\n"
      "  nyala-bench model.nyala --perplexity text.txt\n"
      "  nyala-bench --profile-ops step.nyala -t 1 -o costs.json\n"
      "Decode feeds the likeliest token back, that of each sequence to itself, and computes "
      "the logits of\nthe whole vocabulary; tokens of all sequences are counted. Figures go to "
      "standard output, all else\nto standard error. Exit codes: 0 done, 1 error in input or "
      "environment, 2 wrong usage, 130\ninterrupted.");
  app.set_version_flag("--version", std::string("nyala-bench ") + nyala_version());
  app.add_option("model", options.model,
                 "The compiled model (.nyala), a .gguf file, or the directory of a checkpoint")
      ->required()
      ->type_name("PATH");
  addTestOptions(app, options);
  addRunOptions(app, options);
  try {
    app.parse(argc, argv);
    if (options.promptTokens == 0 && options.generatedTokens == 0)
      throw CLI::ValidationError("nothing to measure: both -p and -n are 0");
    for (const auto &[asked, name] : {std::pair(options.perplexityFile.has_value(), "--perplexity"),
                                      std::pair(options.profileOps, "--profile-ops")})
      if (asked && options.threads.size() > 1)
        throw CLI::ValidationError(std::string(name) + " takes one number of threads");
    for (const char *name : {"-p", "-n", "-d", "-b", "--perplexity"})
      options.generates |= app.get_option(name)->count() > 0;
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

} // namespace nyala
