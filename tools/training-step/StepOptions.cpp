#include "tools/training-step/StepOptions.h"
#include "tools/run-support/CommandLine.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Regex.h"

namespace nyala::train {

static std::string checkRegex(const std::string &text) {
  std::string error;
  return llvm::Regex(text).isValid(error) ? "" : "is no regular expression: " + error;
}

std::vector<CLI::Option *> addStepOptions(CLI::App &app, StepOptions &options) {
  std::vector<CLI::Option *> added;
  auto addSize = [&](const char *name, int64_t &value, const char *help) {
    added.push_back(app.add_option(name, value, help)
                        ->check(between<int64_t>(1, 1 << 20, "a number of 1 or more"))
                        ->capture_default_str()
                        ->type_name("N"));
  };
  addSize("--batch", options.batch, "Sequences computed together");
  addSize("--seq", options.length, "Tokens of a sequence");
  addSize("--accumulate", options.accumulate, "Batches of a step");
  added.push_back(app.add_option("--optimizer", options.optimizer, "adamw, or sgd with momentum")
                      ->check(CLI::IsMember({"adamw", "sgd"}))
                      ->capture_default_str());
  auto addNumber = [&](const char *name, double &value, double most, const char *help) {
    added.push_back(nyala::addNumber(app, name, value, most, help));
  };
  addNumber("--beta1", options.beta1, 1, "AdamW: decay of the mean of gradients");
  addNumber("--beta2", options.beta2, 1, "AdamW: decay of the mean of squared gradients");
  addNumber("--epsilon", options.epsilon, 1, "AdamW: added to the root of that");
  addNumber("--momentum", options.momentum, 1, "SGD: decay of the velocity");
  addNumber("--weight-decay", options.weightDecay, 1e6, "Decay of matrices");
  addNumber("--clip", options.clip, 1e18, "Largest norm of all gradients; 0: any");
  added.push_back(
      app.add_option("--train", options.trained,
                     "Train the weights whose names match this regular expression alone; the "
                     "others stay as they are (default: all)")
          ->check(CLI::Validator([](std::string &text) { return checkRegex(text); }, "", ""))
          ->type_name("REGEX"));
  added.push_back(app.add_option("--precision", options.precision,
                                 "Numbers that are multiplied: f32, bf16, or auto: bf16 where "
                                 "--cpu multiplies it, else f32; sums, weights and the optimizer "
                                 "are f32")
                      ->check(CLI::IsMember({"f32", "bf16", "auto"}))
                      ->capture_default_str());
  return added;
}

std::vector<CLI::Option *> addMemoryOptions(CLI::App &app, MemoryOptions &options) {
  auto parse = [&options](const std::string &text) {
    llvm::Expected<remat::Budget> budget = remat::parseBudget(text);
    if (!budget)
      throw CLI::ValidationError("--memory-budget", llvm::toString(budget.takeError()));
    options.budget = *budget;
  };
  CLI::Option *budget =
      app.add_option_function<std::string>(
             "--memory-budget", parse,
             "Memory that a step may take, weights, gradients and optimizer included, as 4GiB or "
             "2500MB; or a percentage of what recomputation can change: 50%. Activations that do "
             "not fit are computed again, which changes no result (default: all are kept)")
          ->type_name(remat::kBudgetForm);
  CLI::Option *method =
      app.add_option("--remat-method", options.method,
                     "How what is recomputed is chosen: optimal (by integer programs), greedy, "
                     "sqrt (ends of about sqrt(n) segments are kept) or none")
          ->check(CLI::IsMember({"optimal", "greedy", "sqrt", "none"}))
          ->capture_default_str();
  CLI::Option *limit = addNumber(app, "--remat-time-limit", options.timeLimit, 1e6,
                                 "Seconds after which the best choice so far is taken")
                           ->type_name("SECONDS");
  CLI::Option *costs =
      app.add_option("--remat-costs", options.costs,
                     "What each kernel costs, measured by nyala-bench --profile-ops (default: by "
                     "its operations and bytes)")
          ->check(CLI::ExistingFile)
          ->type_name("JSON");
  CLI::Option *report =
      app.add_option("--remat-report", options.report,
                     "Write what was chosen and what it costs, for nyala-inspect, as JSON")
          ->type_name("FILE");
  for (CLI::Option *option : {method, limit, costs, report})
    option->needs(budget);
  return {budget, method, limit, costs, report};
}

} // namespace nyala::train
