//===- Generate.cpp - The generation loop ---------------------------------===//

#include "tools/nyala-run/Generate.h"
#include "tools/run-support/Interrupt.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

namespace nyala {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double rate(size_t count, double seconds) {
  return count > 0 && seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::vector<std::pair<int32_t, float>> findTop(const float *logits, size_t size, size_t count) {
  std::vector<int32_t> ids(size);
  std::iota(ids.begin(), ids.end(), 0);
  const auto value = [&](int32_t id) {
    return std::isnan(logits[id]) ? -std::numeric_limits<float>::infinity() : logits[id];
  };
  count = std::min(count, size);
  std::partial_sort(
      ids.begin(), ids.begin() + static_cast<ptrdiff_t>(count), ids.end(),
      [&](int32_t a, int32_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; });
  std::vector<std::pair<int32_t, float>> top;
  top.reserve(count);
  for (size_t i = 0; i < count; ++i)
    top.emplace_back(ids[i], logits[ids[i]]);
  return top;
}

/// Has the model a token that ends a generation?
bool hasStop(const Model &model) {
  const auto count = static_cast<int32_t>(model.getInfo().vocabulary);
  for (int32_t token = 0; token < count; ++token)
    if (nyala_model_is_stop(model.get(), token))
      return true;
  return false;
}

/// Is the text complete? For models without a token that says so: a constraint lets none come then.
bool isComplete(nyala_constraint *constraint) {
  if (!nyala_constraint_can_end(constraint))
    return false;
  const uint64_t *mask = nullptr;
  size_t words = 0;
  check(nyala_constraint_mask(constraint, 1, &mask, &words));
  return std::all_of(mask, mask + words, [](uint64_t word) { return word == 0; });
}

} // namespace

const char *getName(Finish finish) {
  switch (finish) {
  case Finish::Stop:
    return "stop";
  case Finish::StopString:
    return "stop-string";
  case Finish::Length:
    return "length";
  case Finish::Context:
    return "context";
  case Finish::Interrupted:
    return "interrupted";
  }
  return "";
}

Generation generate(const Model &model, Session &session, std::span<const int32_t> prompt,
                    const RunOptions &options, const std::function<void(std::string_view)> &print,
                    nyala_constraint *constraint) {
  Generation result;
  TextStream stream(model, options.stops);
  const auto emit = [&](std::string_view text) {
    result.text += text;
    if (!text.empty())
      print(text);
  };
  const uint64_t maxTokens = options.maxTokens.value_or(std::numeric_limits<uint64_t>::max());
  const uint32_t vocabulary = model.getInfo().vocabulary;
  // Elsewhere it would ask for a mask that is not the one that was found beside the step.
  const bool looksForEnd = constraint && !hasStop(model);

  const Clock::time_point begin = Clock::now();
  Clock::time_point first = begin;
  try {
    result.keptTokens = session.setTokens(prompt);
    session.constrain(constraint, maxTokens);
    result.prefillTokensPerSecond = rate(prompt.size() - result.keptTokens, secondsSince(begin));
    while (result.ids.size() < maxTokens) {
      throwIfInterrupted();
      if (looksForEnd && isComplete(constraint)) {
        result.finish = Finish::Stop;
        break;
      }
      const int32_t token = session.sample();
      if (options.topLogits > 0)
        result.topLogits.push_back(findTop(session.getLogits(), vocabulary, options.topLogits));
      result.ids.push_back(token);
      if (result.ids.size() == 1) {
        result.firstTokenMs = 1000 * secondsSince(begin);
        first = Clock::now();
      }
      if (nyala_model_is_stop(model.get(), token)) {
        result.finish = Finish::Stop;
        break;
      }
      bool stopped = false;
      emit(stream.append(token, stopped));
      if (stopped) {
        result.finish = Finish::StopString;
        break;
      }
      if (result.ids.size() == maxTokens)
        break;
      if (session.getPosition() == session.getContext()) {
        result.finish = Finish::Context;
        break;
      }
      session.decode(token);
    }
  } catch (const Interrupted &) {
    result.finish = Finish::Interrupted;
  }
  if (result.ids.size() > 1)
    result.decodeTokensPerSecond = rate(result.ids.size() - 1, secondsSince(first));
  if (result.finish != Finish::StopString)
    emit(stream.flush());
  return result;
}

} // namespace nyala
