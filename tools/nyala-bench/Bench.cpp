//===- Bench.cpp - What nyala-bench does ----------------------------------===//

#include "tools/nyala-bench/Bench.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/nyala-bench/Report.h"
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
  if (options.batch != 1)
    throw rt::Failure(NYALA_INVALID_ARGUMENT,
                      "-b: expected 1, got " + std::to_string(options.batch) +
                          ": a session decodes one sequence ('" + options.model +
                          "' was compiled for " + std::to_string(info.sequences) + ")");
  const uint64_t depth = *std::ranges::max_element(options.depths);
  const uint64_t needed = depth + std::max<uint64_t>(options.promptTokens, options.generatedTokens);
  if (needed > info.context)
    throw rt::Failure(NYALA_CONTEXT_FULL,
                      "-d, -p and -n ask for " + std::to_string(needed) + " positions, '" +
                          options.model + "' was compiled for " + std::to_string(info.context) +
                          "; ask for fewer, or compile it with a longer --context");
}

/// Measures on one number of threads.
class Bench {
public:
  Bench(const Model &model, const BenchOptions &options, uint32_t threads, Report &report)
      : options(options), report(report), threads(threads),
        session(model, {.context = 0, .threads = threads}, greedySampler),
        tokens(makeTokens(model, std::max(1U, *std::ranges::max_element(options.depths) +
                                                  options.promptTokens))) {
    if (options.perDispatch) {
      const nyala_model_info info = model.getInfo();
      limits =
          measureMachine(threads, info.weight_bytes, std::string_view(info.arithmetic) != "f32");
      report.add(limits);
    }
  }

  void measure(uint32_t depth) {
    session.rollback(0);
    if (depth > 0)
      session.setTokens(std::span(tokens).first(depth));
    if (options.promptTokens > 0)
      measurePrompt(depth);
    if (options.generatedTokens > 0)
      measureDecode(depth);
  }

private:
  struct PromptTimes {
    double prefill, firstToken; ///< seconds
  };

  PromptTimes timePrompt(uint32_t depth) {
    session.rollback(depth);
    const auto all = std::span(tokens).first(depth + options.promptTokens);
    const Clock::time_point begin = Clock::now();
    session.setTokens(all); // keeps what the session has
    const double prefill = secondsSince(begin);
    session.sample();
    return {prefill, secondsSince(begin)};
  }

  /// Seconds of a decode that feeds each sampled token back.
  double timeDecode(uint32_t depth) {
    session.rollback(depth);
    int32_t token = tokens[0];
    const Clock::time_point begin = Clock::now();
    for (uint32_t i = 0; i < options.generatedTokens; ++i) {
      throwIfInterrupted();
      session.decode(token);
      token = session.sample();
    }
    return secondsSince(begin);
  }

  void measurePrompt(uint32_t depth) {
    for (uint32_t i = 0; i < options.warmup; ++i)
      timePrompt(depth);
    Figure prefill = {"prefill", threads, depth, options.promptTokens, {}, "tok/s"};
    Figure firstToken = {"first_token", threads, depth, options.promptTokens, {}, "ms"};
    for (uint32_t i = 0; i < options.repetitions; ++i) {
      const PromptTimes times = timePrompt(depth);
      prefill.samples.push_back(options.promptTokens / times.prefill);
      firstToken.samples.push_back(1000 * times.firstToken);
    }
    report.add(prefill);
    report.add(firstToken);
    if (options.perDispatch)
      profile("prefill", depth, options.promptTokens, 1,
              [&] { return timePrompt(depth).firstToken; });
  }

  void measureDecode(uint32_t depth) {
    for (uint32_t i = 0; i < options.warmup; ++i)
      timeDecode(depth);
    Figure decode = {"decode", threads, depth, options.generatedTokens, {}, "tok/s"};
    for (uint32_t i = 0; i < options.repetitions; ++i)
      decode.samples.push_back(options.generatedTokens / timeDecode(depth));
    report.add(decode);
    if (options.perDispatch)
      profile("decode", depth, options.generatedTokens, options.generatedTokens,
              [&] { return timeDecode(depth); });
  }

  /// Repeats `run`, which returns its seconds, and reports the steps' costs for one of the `units`
  /// that it consists of: those of the repetition that took the median time.
  void profile(const char *test, uint32_t depth, uint64_t count, uint64_t units,
               const std::function<double()> &run) {
    std::vector<DispatchProfile> profiles;
    for (uint32_t i = 0; i < options.repetitions; ++i) {
      DispatchProfile &profile = profiles.emplace_back();
      profile = {test, threads, depth, count, 0, {}};
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

void benchModel(const BenchOptions &options) {
  Report report(options.json);
  std::vector<uint32_t> threads = options.threads;
  if (threads.empty())
    threads.push_back(rt::countUsableCores());
  if (options.perplexityFile) {
    const std::string text = readText(*options.perplexityFile);
    checkText(text, "the text");
    const Model model = openModel(options.model);
    report.setCpu(model.getInfo().cpu);
    Session session(model, {.context = 0, .threads = threads[0]}, greedySampler);
    const Perplexity result =
        computePerplexity(session, model.getInfo().vocabulary, model.tokenize(text, false));
    return report.add(
        Figure{"perplexity", threads[0], 0, result.tokens, {result.value}, "perplexity"});
  }
  const Model model = openModel(options.model);
  report.setCpu(model.getInfo().cpu);
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
