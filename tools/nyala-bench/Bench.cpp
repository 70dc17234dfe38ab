//===- Bench.cpp - What nyala-bench does ----------------------------------===//

#include "tools/nyala-bench/Bench.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/nyala-bench/Report.h"
#include "tools/nyala-bench/Training.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/ModelCache.h"
#include "tools/run-support/Perplexity.h"
#include "tools/run-support/Prompt.h"
#include "tools/run-support/Tool.h"

#include <algorithm>
#include <chrono>

namespace nyala {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// The same tokens on every machine: any that stand for text.
Tokens makeTokens(const Model &model, size_t count) {
  const nyala_model_info info = model.getInfo();
  Tokens normal;
  for (int32_t id = 0; id < static_cast<int32_t>(info.vocabulary); ++id)
    if (!info.has_tokenizer || !model.tokenBytes(id, false).empty())
      normal.push_back(id);
  if (normal.empty())
    normal.push_back(0);
  Tokens tokens;
  tokens.reserve(count);
  for (uint64_t i = 1; i <= count; ++i)
    tokens.push_back(normal[(i * 0x9E3779B97F4A7C15 >> 32) % normal.size()]);
  return tokens;
}

/// Refuses what the model was not compiled for.
void checkShape(const Model &model, const BenchOptions &options) {
  const nyala_model_info info = model.getInfo();
  const uint32_t batch = *std::ranges::max_element(options.batches);
  const auto refuse = [&](nyala_status status, const std::string &asked, uint32_t got,
                          const std::string &advice) {
    throw rt::Failure(status, asked + ", '" + options.model + "' was compiled for " +
                                  std::to_string(got) + "; " + advice);
  };
  const std::string sequences = "-b asks for " + std::to_string(batch) + " sequences";
  if (batch > info.sequences)
    refuse(NYALA_INVALID_ARGUMENT, sequences, info.sequences,
           "ask for fewer, or compile it with more --sequences");
  if (batch > info.max_batch)
    refuse(NYALA_INVALID_ARGUMENT, sequences + " in one step", info.max_batch,
           "ask for fewer, or compile it with more --prefill-rows and without "
           "--skip-prefill-tail");
  const uint64_t depth = *std::ranges::max_element(options.depths);
  const uint64_t needed =
      depth + std::max<uint64_t>(options.promptTokens, options.generatedTokens + (batch - 1));
  if (needed > info.context)
    refuse(NYALA_CONTEXT_FULL, "-d, -p, -n and -b ask for " + std::to_string(needed) + " positions",
           info.context, "ask for fewer, or compile it with a longer --context");
}

bool isCpu(const nyala_model_info &info) { return std::string_view(info.device) == "cpu"; }

/// Measures on one number of threads.
class Bench {
public:
  Bench(const Model &model, const BenchOptions &options, uint32_t threads, Report &report)
      : options(options), report(report), threads(threads),
        session(model,
                {.context = 0,
                 .threads = threads,
                 .sequences = *std::ranges::max_element(options.batches)},
                greedySampler),
        tokens(makeTokens(model, *std::ranges::max_element(options.depths) +
                                     std::max(options.promptTokens,
                                              *std::ranges::max_element(options.batches)))) {
    if (options.perDispatch) {
      const nyala_model_info info = model.getInfo();
      limits = isCpu(info) ? measureMachine(threads, info.weight_bytes,
                                            std::string_view(info.arithmetic) != "f32")
                           : measureGpu(info.device);
      report.add(limits);
    }
  }

  void measure(uint32_t depth) {
    session.select(0);
    session.rollback(0);
    if (depth > 0)
      session.setTokens(std::span(tokens).first(depth));
    if (options.promptTokens > 0)
      measurePrompt(depth);
    if (options.generatedTokens > 0)
      for (uint32_t batch : options.batches)
        measureDecode(depth, batch);
  }

private:
  struct PromptTimes {
    double prefill, firstToken; ///< seconds
  };

  PromptTimes timePrompt(uint32_t depth) {
    session.select(0);
    session.rollback(depth);
    const auto all = std::span(tokens).first(depth + options.promptTokens);
    const Clock::time_point begin = Clock::now();
    session.setTokens(all); // keeps what the session has
    const double prefill = secondsSince(begin);
    session.sample();
    return {prefill, secondsSince(begin)};
  }

  /// Gives sequence i the first depth + i tokens.
  void fillSequences(uint32_t depth, uint32_t batch) {
    session.select(0);
    if (const uint32_t most = depth + batch - 1; most > 0)
      session.setTokens(std::span(tokens).first(most)); // keeps what the session has
    for (uint32_t i = batch; i-- > 0;)
      session.copy(0, i, depth + i);
  }

  /// Seconds of a decode that feeds the token sampled of each sequence back.
  double timeDecode(uint32_t depth, uint32_t batch) {
    std::vector<uint32_t> sequences(batch);
    Tokens fed(tokens.begin(), tokens.begin() + batch);
    for (uint32_t i = 0; i < batch; ++i) {
      sequences[i] = i;
      session.select(i);
      session.rollback(depth + i);
    }
    const Clock::time_point begin = Clock::now();
    for (uint32_t step = 0; step < options.generatedTokens; ++step) {
      throwIfInterrupted();
      session.decodeBatch(sequences, fed);
      for (uint32_t i = 0; i < batch; ++i) {
        session.select(i);
        fed[i] = session.sample();
      }
    }
    return secondsSince(begin);
  }

  void measurePrompt(uint32_t depth) {
    for (uint32_t i = 0; i < options.warmup; ++i)
      timePrompt(depth);
    Figure prefill = {"prefill", threads, 1, depth, options.promptTokens, {}, "tok/s"};
    Figure firstToken = {"first_token", threads, 1, depth, options.promptTokens, {}, "ms"};
    for (uint32_t i = 0; i < options.repetitions; ++i) {
      const PromptTimes times = timePrompt(depth);
      prefill.samples.push_back(options.promptTokens / times.prefill);
      firstToken.samples.push_back(1000 * times.firstToken);
    }
    report.add(prefill);
    report.add(firstToken);
    if (options.perDispatch)
      profile("prefill", 1, depth, options.promptTokens, 1,
              [&] { return timePrompt(depth).firstToken; });
  }

  void measureDecode(uint32_t depth, uint32_t batch) {
    fillSequences(depth, batch);
    for (uint32_t i = 0; i < options.warmup; ++i)
      timeDecode(depth, batch);
    Figure decode = {"decode", threads, batch, depth, options.generatedTokens, {}, "tok/s"};
    for (uint32_t i = 0; i < options.repetitions; ++i)
      decode.samples.push_back(double(batch) * options.generatedTokens / timeDecode(depth, batch));
    report.add(decode);
    if (options.perDispatch)
      profile("decode", batch, depth, options.generatedTokens, options.generatedTokens,
              [&] { return timeDecode(depth, batch); });
  }

  /// Repeats `run`, which returns its seconds, and reports the steps' costs for one of the `units`
  /// that it consists of: those of the repetition that took the median time.
  void profile(const char *test, uint32_t batch, uint32_t depth, uint64_t count, uint64_t units,
               const std::function<double()> &run) {
    std::vector<DispatchProfile> profiles;
    for (uint32_t i = 0; i < options.repetitions; ++i) {
      DispatchProfile &profile = profiles.emplace_back();
      profile = {test, threads, batch, depth, count, 0, {}};
      profile.steps = profileSteps(
          session, units, [&] { profile.wallSeconds = run() / static_cast<double>(units); });
    }
    const auto median = profiles.begin() + static_cast<ptrdiff_t>(profiles.size() / 2);
    std::ranges::nth_element(profiles, median, {}, &DispatchProfile::wallSeconds);
    report.add(*median, limits);
  }

  const BenchOptions &options;
  Report &report;
  uint32_t threads;
  Session session;
  Tokens tokens;
  MachineLimits limits;
};

/// The numbers of threads to measure; of a GPU, whose work one thread gives it, there is one.
std::vector<uint32_t> chooseThreads(const BenchOptions &options, const Model &model) {
  if (!isCpu(model.getInfo()))
    return {1};
  return options.threads.empty() ? std::vector<uint32_t>{rt::countUsableCores()} : options.threads;
}

/// Refuses what a training step does not do.
void checkTraining(const BenchOptions &options) {
  if (options.generates)
    throw rt::Failure(NYALA_INVALID_ARGUMENT,
                      "'" + options.model +
                          "' is a training step, whose batch and length are compiled in; -p, -n, "
                          "-d, -b and --perplexity are for models that generate tokens");
}

void benchModel(const BenchOptions &options) {
  Report report(options.json);
  std::string text;
  if (options.perplexityFile) {
    text = readText(*options.perplexityFile);
    checkText(text, "the text");
  }
  const Model model = openModel(options.model, options.device);
  report.setDevice(model.getInfo());
  const std::vector<uint32_t> threads = chooseThreads(options, model);
  if (isTrainingStep(model)) {
    checkTraining(options);
    for (uint32_t count : threads)
      benchTraining(model, options, count, report);
    return;
  }
  if (options.profileOps)
    throw rt::Failure(NYALA_UNSUPPORTED, "'" + options.model +
                                             "' holds no training step, whose kernels "
                                             "--profile-ops times; --per-dispatch prints what "
                                             "those of a model that generates tokens take");
  if (options.perplexityFile) {
    Session session(model, {.context = 0, .threads = threads[0], .sequences = 1}, greedySampler);
    const Perplexity result =
        computePerplexity(session, model.getInfo().vocabulary, model.tokenize(text, false));
    return report.add(
        Figure{"perplexity", threads[0], 1, 0, result.tokens, {result.value}, "perplexity"});
  }
  checkShape(model, options);
  for (uint32_t count : threads) {
    Bench bench(model, options, count, report);
    for (uint32_t depth : options.depths)
      bench.measure(depth);
  }
}

} // namespace

int bench(const BenchOptions &options) {
  return runTool("nyala-bench", [&] { benchModel(options); });
}

} // namespace nyala
