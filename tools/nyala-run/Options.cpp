//===- Options.cpp - Command line of nyala-run ----------------------------===//

#include "tools/nyala-run/Options.h"
#include "tools/run-support/CommandLine.h"

namespace nyala {
namespace {

template <typename T> void setText(CLI::App &app, const char *name, T &value, const char *help) {
  app.add_option_function<std::string>(
         name, [&](const std::string &text) { value = text; }, help)
      ->type_name("TEXT");
}

void addPromptOptions(CLI::App &app, RunOptions &options) {
  setText(app, "-p,--prompt", options.prompt, "The prompt, or with --chat the user's message");
  setText(app, "-f,--file", options.promptFile,
          "Read the prompt from this file; -: standard input");
  app.get_option("-f")->excludes("-p")->type_name("FILE");
  app.add_flag("--chat", options.chat,
               "Frame the prompt by the model's chat template. Without a prompt: a conversation on "
               "a terminal, else one message from standard input");
  setText(app, "--system", options.system, "System message that a chat begins with");
  app.get_option("--system")->needs("--chat");
  app.add_flag_callback(
      "--no-special", [&] { options.special = false; },
      "Take special tokens that are spelled in the prompt as plain text");
  setText(app, "--session", options.sessionFile,
          "Go on from the session in this file, if it exists, and save it there at the end: of a "
          "prompt, only what is new is evaluated; a chat goes on after its last answer; without a "
          "prompt the text goes on");
  app.get_option("--session")->type_name("FILE");
  setText(app, "--perplexity", options.perplexityFile,
          "Compute the perplexity of this file instead, over windows of 512 tokens");
  app.get_option("--perplexity")
      ->excludes("-p")
      ->excludes("-f")
      ->excludes("--chat")
      ->excludes("--session")
      ->type_name("FILE");
}

void addGenerationOptions(CLI::App &app, RunOptions &options) {
  app.add_option_function<uint64_t>(
         "-n", [&](uint64_t count) { options.maxTokens = count; },
         "Generate at most this many tokens (default: until the model or the context ends)")
      ->check(between<int64_t>(0, maxCount, "a number of tokens"))
      ->type_name("N");
  app.add_option("--temp", options.sampler.temperature, "Temperature; 0 always takes the likeliest")
      ->check(between<double>(0, 1e6, "a temperature, 0 or more"))
      ->capture_default_str()
      ->type_name("T");
  app.add_option("--top-k", options.sampler.top_k,
                 "Sample from the K likeliest tokens; 0: from all")
      ->check(between<int64_t>(0, maxCount, "a number of tokens, 0 or more"))
      ->capture_default_str()
      ->type_name("K");
  app.add_option("--top-p", options.sampler.top_p,
                 "Sample from the likeliest tokens that together have this probability")
      ->check(between<double>(1e-9, 1, "a probability above 0, at most 1"))
      ->capture_default_str()
      ->type_name("P");
  app.add_option("--seed", options.sampler.seed, "Seed of the sampling")
      ->capture_default_str()
      ->type_name("N");
  // Each --stop takes one text, whatever characters are in it.
  app.add_option_function<std::string>(
         "--stop", [&](const std::string &text) { options.stops.push_back(text); },
         "End at this text, which is not printed; may be given several times")
      ->check([](const std::string &text) { return text.empty() ? "expected a text" : ""; })
      ->trigger_on_parse()
      ->type_name("TEXT");
}

void addRunOptions(CLI::App &app, RunOptions &options) {
  addDeviceOption(app, options.device.device);
  app.add_option("-t,--threads", options.session.threads,
                 "Threads of a CPU (default: one per physical core that may be used)")
      ->check(between<int64_t>(1, 256, "1 to 256 threads"))
      ->type_name("N");
  app.add_option("--context", options.session.context,
                 "Positions to use (default: all that the model was compiled for)")
      ->check(between<int64_t>(1, maxCount, "a number of positions"))
      ->type_name("N");
  app.add_flag("--json", options.json,
               "Print one JSON object: prompt_ids, ids, text, finish, timings, device, and cpu, "
               "which of the artifact's CPUs (or GPU architectures) the code that ran is for");
  app.add_option("--top-logits", options.topLogits,
                 "Add the K largest logits of each step to the JSON object, as [id, logit]")
      ->check(between<int64_t>(0, maxCount, "a number of tokens, 0 or more"))
      ->needs("--json")
      ->type_name("K");
}

} // namespace

std::optional<int> parseOptions(int argc, char **argv, RunOptions &options) {
  CLI::App app("Generates text with a compiled model. A .gguf file or the directory of a "
               "checkpoint\nis compiled first, and the result kept in $XDG_CACHE_HOME/nyala or "
               "~/.cache/nyala.",
               "nyala-run");
  app.footer(
      "Examples:\n"
      "  nyala-run model.nyala -p \"Once upon a time\" -n 64\n"
      "  nyala-run model.nyala --chat -p \"What is gravity?\" --temp 0.7\n"
      "  nyala-run model.nyala --chat < question.txt\n"
      "Text goes to standard output, all else to standard error. Exit codes: 0 done, 1 error "
      "in input or\nenvironment, 2 wrong usage, 130 interrupted.");
  app.set_version_flag("--version", std::string("nyala-run ") + nyala_version());
  app.add_option("model", options.model,
                 "The compiled model (.nyala), a .gguf file, or the directory of a checkpoint")
      ->required()
      ->type_name("PATH");
  addPromptOptions(app, options);
  addGenerationOptions(app, options);
  addRunOptions(app, options);
  try {
    app.parse(argc, argv);
    if (!options.prompt && !options.promptFile && !options.perplexityFile && !options.chat &&
        !options.sessionFile)
      throw CLI::RequiredError("a prompt (-p, -f or --chat)");
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

} // namespace nyala
