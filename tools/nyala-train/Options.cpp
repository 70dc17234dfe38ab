//===- Options.cpp - Command line of nyala-train --------------------------===//
#include "tools/nyala-train/Options.h"
#include "runtime/nyala.h"
#include "tools/nyala-train/BpeTrainer.h"
#include "tools/run-support/CommandLine.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Regex.h"

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
  app.add_option("--train", options.trained,
                 "Train the weights whose names match this regular expression alone; the others "
                 "stay as they are (default: all)")
      ->type_name("REGEX");
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

void addStepOptions(CLI::App &app, TrainOptions &options, Unsaid &unsaid) {
  app.add_option("--steps", options.schedule.steps, "Steps in all, those before --resume included")
      ->required()
      ->check(between<int64_t>(0, maxCount, "a number of steps, 0 or more"))
      ->type_name("N");
  auto addSize = [&](const char *name, int64_t &value, const char *help) {
    app.add_option(name, value, help)
        ->check(between<int64_t>(1, 1 << 20, "a number of 1 or more"))
        ->capture_default_str()
        ->type_name("N");
  };
  addSize("--batch", options.batch, "Sequences computed together");
  addSize("--seq", options.length, "Tokens of a sequence");
  addSize("--accumulate", options.accumulate, "Batches of a step");
  app.add_option("--seed", options.seed, "Decides the order of the data, and random weights")
      ->capture_default_str()
      ->type_name("N");
  auto addNumber = [&](const char *name, double &value, double most, const char *help) {
    return app.add_option(name, value, help)
        ->check(between<double>(0, most, "a number from 0 to " + CLI::detail::to_string(most)))
        ->capture_default_str()
        ->type_name("X");
  };
  addNumber("--lr", options.schedule.rate, 1e6, "Learning rate after the warm-up");
  app.add_option("--warmup", unsaid.warmup,
                 "Steps in which the rate rises (default: a tenth of all, at most 100)")
      ->check(between<int64_t>(0, maxCount, "a number of steps, 0 or more"))
      ->type_name("N");
  app.add_option("--schedule", options.schedule.kind, "How the rate falls afterwards")
      ->check(CLI::IsMember({"constant", "linear", "cosine"}))
      ->capture_default_str();
  addNumber("--min-lr", options.schedule.minRate, 1e6, "Rate at the end");
  app.add_option("--optimizer", options.optimizer, "adamw, or sgd with momentum")
      ->check(CLI::IsMember({"adamw", "sgd"}))
      ->capture_default_str();
  addNumber("--beta1", options.beta1, 1, "AdamW: decay of the mean of gradients");
  addNumber("--beta2", options.beta2, 1, "AdamW: decay of the mean of squared gradients");
  addNumber("--epsilon", options.epsilon, 1, "AdamW: added to the root of that");
  addNumber("--momentum", options.momentum, 1, "SGD: decay of the velocity");
  addNumber("--weight-decay", options.weightDecay, 1e6, "Decay of matrices");
  addNumber("--clip", options.clip, 1e18, "Largest norm of all gradients; 0: any");
}

void addMachineOptions(CLI::App &app, TrainOptions &options) {
  app.add_option("--precision", options.precision,
                 "Numbers that are multiplied: f32, bf16, or auto: bf16 where --cpu multiplies it, "
                 "else f32; sums, weights and the optimizer are f32")
      ->check(CLI::IsMember({"f32", "bf16", "auto"}))
      ->capture_default_str();
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
  std::string error;
  if (!options.trained.empty() && !llvm::Regex(options.trained).isValid(error))
    throw CLI::ValidationError("--train", "is no regular expression: " + error);
  Schedule &schedule = options.schedule;
  schedule.warmup = unsaid.warmup.value_or(std::min<uint64_t>(100, schedule.steps / 10));
  if (schedule.minRate > schedule.rate)
    throw CLI::ValidationError("--min-lr", "is more than --lr");
}

} // namespace

nlohmann::json TrainOptions::describe() const {
  nlohmann::json json = {{"batch", batch},
                         {"seq", length},
                         {"accumulate", accumulate},
                         {"seed", seed},
                         {"lr", schedule.rate},
                         {"schedule", schedule.kind},
                         {"min_lr", schedule.minRate},
                         {"optimizer", optimizer},
                         {"weight_decay", weightDecay},
                         {"clip", clip},
                         {"train", trained},
                         {"precision", precision}};
  if (optimizer == "sgd")
    json["momentum"] = momentum;
  else
    json.update({{"beta1", beta1}, {"beta2", beta2}, {"epsilon", epsilon}});
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
  addStepOptions(app, options, unsaid);
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
