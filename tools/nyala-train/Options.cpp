//===- Options.cpp - Command line of nyala-train --------------------------===//
#include "tools/nyala-train/Options.h"
#include "runtime/nyala.h"
#include "tools/nyala-train/BpeTrainer.h"
#include "tools/run-support/CommandLine.h"

namespace nyala::train {
namespace {

/// What is not said on the command line, but follows from it.
struct Unsaid {
  std::optional<uint64_t> warmup;
  std::string shareKv;
};

void addInputOptions(CLI::App &app, TrainOptions &options, Unsaid &unsaid) {
  app.add_option("--model", options.model,
                 "What to train: a GGUF file, the directory of a Hugging Face checkpoint, or a "
                 "config.json, whose weights begin at random")
      ->required()
      ->type_name("PATH");
  app.add_option("--data", options.data,
                 "What to train on: text; .jsonl with \"text\", or \"input_ids\" or \"tokens\", in "
                 "each line; .npy with a 1-D array of token ids")
      ->required()
      ->type_name("FILE");
  app.add_option("--tokenizer", options.tokenizer,
                 "bpe:N: train a byte-level vocabulary of N tokens on the data first, and write "
                 "it with the model; a directory with tokenizer.json or a GGUF file: take that one "
                 "(default: the model's own)")
      ->type_name("bpe:N|PATH");
  app.add_option("--share-kv", unsaid.shareKv,
                 "Layers use keys and values of other layers: N adjacent layers those of the "
                 "first, or map:0,0,2,2,... each those of the layer it names")
      ->type_name("N|map:...");
}

void addOutputOptions(CLI::App &app, TrainOptions &options) {
  app.add_option("-o,--output", options.output,
                 "Directory of the checkpoint: config.json, model.safetensors, tokenizer.json, "
                 "training_state.safetensors, loss.svg")
      ->required()
      ->type_name("DIR");
  app.add_option("--log", options.log,
                 "One JSON object a line and step: step, loss, lr, tok_s, peak_bytes, grad_norm, "
                 "eval_loss (default: metrics.jsonl in the output)")
      ->type_name("FILE");
  app.add_option("--save-every", options.saveEvery,
                 "Steps between two checkpoints; one more is written at the end")
      ->check(between<int64_t>(1, maxCount, "a number of steps"))
      ->capture_default_str()
      ->type_name("N");
  auto *resume = app.add_flag("--resume", options.resume,
                              "Go on from the checkpoint in the output; without one begin anew");
  app.add_flag("--overwrite", options.overwrite, "Begin anew though the output has a checkpoint")
      ->excludes(resume);
  app.add_option("--eval", options.eval, "Data to compute the loss of, too; as --data")
      ->type_name("FILE");
  app.add_option("--eval-every", options.evalEvery,
                 "Steps between two evaluations; one more is at the end")
      ->check(between<int64_t>(1, maxCount, "a number of steps"))
      ->needs("--eval")
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("-q,--quiet", options.quiet, "Print errors only");
}

void addRunOptions(CLI::App &app, TrainOptions &options, Unsaid &unsaid) {
  app.add_option("--steps", options.schedule.steps, "Steps in all, those before --resume included")
      ->required()
      ->check(between<int64_t>(0, maxCount, "a number of steps, 0 or more"))
      ->type_name("N");
  addStepOptions(app, options.step);
  app.add_option("--seed", options.seed, "Decides the order of the data, and random weights")
      ->capture_default_str()
      ->type_name("N");
  addNumber(app, "--lr", options.schedule.rate, 1e6, "Learning rate after the warm-up");
  app.add_option("--warmup", unsaid.warmup,
                 "Steps in which the rate rises (default: a tenth of all, at most 100)")
      ->check(between<int64_t>(0, maxCount, "a number of steps, 0 or more"))
      ->type_name("N");
  app.add_option("--schedule", options.schedule.kind, "How the rate falls afterwards")
      ->check(CLI::IsMember({"constant", "linear", "cosine"}))
      ->capture_default_str();
  addNumber(app, "--min-lr", options.schedule.minRate, 1e6, "Rate at the end");
}

void addMachineOptions(CLI::App &app, TrainOptions &options) {
  addMemoryOptions(app, options.step.memory);
  app.add_option("-t,--threads", options.threads,
                 "Threads (default: one per physical core that may be used)")
      ->check(between<int64_t>(1, 256, "1 to 256 threads"))
      ->type_name("N");
  app.add_option("--cpu", options.cpu,
                 "The CPU to generate code for: native (this machine), x86-64-v3, znver4, …")
      ->capture_default_str();
}

void checkOptions(TrainOptions &options, const Unsaid &unsaid) {
  constexpr std::string_view bpe = "bpe:";
  if (options.tokenizer.starts_with(bpe)) {
    std::string number = options.tokenizer.substr(bpe.size());
    if (!CLI::detail::lexical_cast(number, options.bpe) || options.bpe < kLeastVocabulary ||
        options.bpe > 1 << 20)
      throw CLI::ValidationError("--tokenizer", "expected bpe:" + std::to_string(kLeastVocabulary) +
                                                    " to bpe:1048576, got '" + options.tokenizer +
                                                    "'");
    options.tokenizer.clear();
  }
  if (!unsaid.shareKv.empty())
    options.sharing = parseKvSharing(unsaid.shareKv);
  if (options.sharing.search != -1)
    throw CLI::ValidationError("--share-kv", "a search is nyala-compile's; give a number of layers "
                                             "or a map");
  Schedule &schedule = options.schedule;
  schedule.warmup = unsaid.warmup.value_or(std::min<uint64_t>(100, schedule.steps / 10));
  if (schedule.minRate > schedule.rate)
    throw CLI::ValidationError("--min-lr", "is more than --lr");
}

} // namespace

nlohmann::json TrainOptions::describe() const {
  nlohmann::json json = {{"batch", step.batch},
                         {"seq", step.length},
                         {"accumulate", step.accumulate},
                         {"seed", seed},
                         {"lr", schedule.rate},
                         {"schedule", schedule.kind},
                         {"min_lr", schedule.minRate},
                         {"optimizer", step.optimizer},
                         {"weight_decay", step.weightDecay},
                         {"clip", step.clip},
                         {"train", step.trained},
                         {"precision", step.precision}};
  if (step.optimizer == "sgd")
    json["momentum"] = step.momentum;
  else
    json.update({{"beta1", step.beta1}, {"beta2", step.beta2}, {"epsilon", step.epsilon}});
  return json;
}

std::optional<int> parseOptions(int argc, char **argv, TrainOptions &options) {
  CLI::App app("Trains a model on the CPU: compiles its training step, runs it, and writes a "
               "checkpoint\nthat transformers loads and nyala-compile compiles.",
               "nyala-train");
  app.footer("Examples:\n"
             "  nyala-train --model model.gguf --data text.txt --steps 100 -o out/\n"
             "  nyala-train --model config.json --data text.txt --tokenizer bpe:4096 --steps 500 "
             "\\\n    --batch 8 --lr 1e-3 --log metrics.jsonl -o out/\n"
             "  nyala-train … --steps 1000 -o out/ --resume\n"
             "Ctrl-C writes a checkpoint and ends. Exit codes: 0 done, 1 error in input or "
             "environment,\n2 wrong usage, 130 interrupted.");
  app.set_version_flag("--version", std::string("nyala-train ") + nyala_version());
  Unsaid unsaid;
  addInputOptions(app, options, unsaid);
  addOutputOptions(app, options);
  addRunOptions(app, options, unsaid);
  addMachineOptions(app, options);
  try {
    app.parse(argc, argv);
    checkOptions(options, unsaid);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

} // namespace nyala::train
