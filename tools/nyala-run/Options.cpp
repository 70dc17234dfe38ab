//===- Options.cpp - Command line of nyala-run ----------------------------===//

#include "tools/nyala-run/Options.h"
#include "tools/run-support/CommandLine.h"

namespace nyala {
namespace {

nyala_rendering getRendering(std::string_view name) {
  return name == "raw"     ? NYALA_RENDER_RAW
         : name == "html"  ? NYALA_RENDER_HTML
         : name == "jsonl" ? NYALA_RENDER_JSONL
                           : NYALA_RENDER_TEXT;
}

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

/// Options of --data that were given; they count if --data is there.
void addDataOptions(CLI::App &app, RunOptions &options, DataOptions &data) {
  app.add_option_function<std::string>(
         "--data",
         [&](const std::string &file) {
           options.data.emplace();
           data.file = file;
         },
         "Write about this JSON file (-: standard input), with references into it, "
         "{{ visitor.points }}, whose values are put in their place; the prompt says what to "
         "write (default: \"Summarize the data.\")")
      ->excludes("--chat")
      ->excludes("--no-special")
      ->excludes("--session")
      ->excludes("--perplexity")
      ->excludes("--stop")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--mode", [&](const std::string &mode) { data.isIndirect = mode == "indirect"; },
         "direct: text with references at once (default); indirect: prose first, which is then "
         "rewritten with references, word by word the same outside of them")
      ->check(oneOf({"direct", "indirect"}))
      ->type_name("MODE");
  app.add_option_function<std::string>(
         "--fields", [&](const std::string &glob) { data.fields.push_back(glob); },
         "Show the model only fields whose path is like this, 'visitor.*', or that are in one that "
         "is; references may still be to all. May be given several times")
      ->trigger_on_parse()
      ->type_name("GLOB");
  app.add_flag("--show-prompt", data.showPrompt,
               "Print the prompt, as the model is given it, and stop");
  app.add_option_function<std::string>(
         "--render", [&](const std::string &name) { data.rendering = getRendering(name); },
         "text: values in place of references (default); raw: the references; html: a page that "
         "shows where each value comes from (default where -o ends in .html); jsonl: a line of "
         "JSON for each span (default where -o ends in .jsonl)")
      ->check(oneOf({"text", "raw", "html", "jsonl"}))
      ->type_name("FORM");
  app.add_option_function<std::string>(
         "-o", [&](const std::string &path) { data.output = path; },
         "Write to this file, when all of it is there")
      ->type_name("FILE");
  for (const char *name : {"--mode", "--fields", "--show-prompt", "--render", "-o"})
    app.get_option(name)->needs("--data");
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
      "  nyala-run model.nyala --data game.json -p \"Summarize the game.\" -o report.html\n"
      "Text goes to standard output, all else to standard error. Exit codes: 0 done, 1 error "
      "in input or\nenvironment, 2 wrong usage, 130 interrupted.");
  app.set_version_flag("--version", std::string("nyala-run ") + nyala_version());
  app.add_option("model", options.model,
                 "The compiled model (.nyala), a .gguf file, or the directory of a checkpoint")
      ->required()
      ->type_name("PATH");
  addPromptOptions(app, options);
  addGenerationOptions(app, options);
  DataOptions data;
  addDataOptions(app, options, data);
  addRunOptions(app, options);
  app.get_option("--json")->excludes("--render")->excludes("-o");
  app.get_option("--top-logits")->excludes("--data");
  try {
    app.parse(argc, argv);
    if (options.data)
      options.data = data;
    else if (!options.prompt && !options.promptFile && !options.perplexityFile && !options.chat &&
             !options.sessionFile)
      throw CLI::RequiredError("a prompt (-p, -f or --chat)");
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

} // namespace nyala
