#include "runtime/text/Sampler.h"

#include "runtime/core/Status.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

// Compiled with -ffp-contract=off (CMakeLists.txt): fused multiply-adds would round differently on
// machines that have them.

namespace nyala::rt {
namespace {

constexpr uint64_t step = 0x9E3779B97F4A7C15u;

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// exp(x) for x ≤ 0; 0 below e^-708. The C library's differs between versions and CPUs in the last
/// bit. x = k ln 2 + r with |r| ≤ ln 2 / 2, where the Taylor polynomial of degree 13 leaves less
/// than 2^-57.
double expOfNegative(double x) {
  if (!(x > -708.0))
    return 0;
  constexpr double log2E = 0x1.71547652b82fep+0;
  constexpr double ln2High = 0x1.62e42feep-1; // 32 bits: k * ln2High is exact
  constexpr double ln2Low = 0x1.a39ef35793c76p-33;
  constexpr double coefficients[] = {1.0 / 6227020800,
                                     1.0 / 479001600,
                                     1.0 / 39916800,
                                     1.0 / 3628800,
                                     1.0 / 362880,
                                     1.0 / 40320,
                                     1.0 / 5040,
                                     1.0 / 720,
                                     1.0 / 120,
                                     1.0 / 24,
                                     1.0 / 6,
                                     1.0 / 2,
                                     1.0,
                                     1.0};
  auto k = static_cast<int64_t>(x * log2E - 0.5);
  auto scale = static_cast<double>(k);
  double r = (x - scale * ln2High) - scale * ln2Low;
  double sum = 0;
  for (double coefficient : coefficients)
    sum = sum * r + coefficient;
  // k ≥ -1022 (e^-708 > 2^-1022), so 2^k is a normal number.
  return sum * std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
}

/// Descending logits, then ascending ids: a strict total order on candidates (no NaN among them).
struct Before {
  const float *logits;
  bool operator()(uint32_t a, uint32_t b) const {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  }
};

constexpr float lowest = -std::numeric_limits<float>::infinity();
constexpr uint64_t fullWord = ~uint64_t{0};

bool isAllowed(Sampler::Mask mask, size_t id) {
  return mask.empty() || (mask[id / 64] >> (id % 64) & 1);
}

/// Each lane has a maximum of its own, so that no comparison waits for the one before. NaN counts
/// as -infinity.
float findMaximum(const float *values, size_t n) {
  constexpr size_t lanes = 32;
  float maxima[lanes];
  std::fill_n(maxima, lanes, lowest);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (size_t lane = 0; lane < lanes; ++lane)
      maxima[lane] = values[i + lane] > maxima[lane] ? values[i + lane] : maxima[lane];
  float largest = lowest;
  for (float value : maxima)
    largest = value > largest ? value : largest;
  for (; i < n; ++i)
    largest = values[i] > largest ? values[i] : largest;
  return largest;
}

/// Calls visitRange with begin and end of ids that are all allowed, and visitId with others that
/// are, in ascending order. Words of the mask without any cost next to nothing.
template <typename VisitRange, typename VisitId>
void visitAllowed(Sampler::Mask mask, size_t n, const VisitRange &visitRange,
                  const VisitId &visitId) {
  if (mask.empty())
    return visitRange(size_t{0}, n);
  for (size_t word = 0; word * 64 < n;) {
    size_t end = word;
    while (end * 64 < n && mask[end] == fullWord)
      ++end;
    if (end > word) {
      visitRange(word * 64, std::min(end * 64, n));
      word = end;
      continue;
    }
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1)
      if (const size_t id = word * 64 + static_cast<size_t>(std::countr_zero(bits)); id < n)
        visitId(id);
    ++word;
  }
}

/// The first of the largest values that are allowed; n if all are NaN or -infinity.
size_t findLargest(const float *values, size_t n, Sampler::Mask mask) {
  float largest = lowest;
  size_t from = 0; ///< no value before it is as large
  auto raise = [&](float value, size_t id) {
    if (value > largest) {
      largest = value;
      from = id;
    }
  };
  visitAllowed(
      mask, n,
      [&](size_t begin, size_t end) { raise(findMaximum(values + begin, end - begin), begin); },
      [&](size_t id) { raise(values[id], id); });
  if (largest == lowest)
    return n;
  while (values[from] != largest || !isAllowed(mask, from))
    ++from;
  return from;
}

void check(const SamplerOptions &options) {
  auto refuse = [](const char *name, const char *range, float got) {
    throw Failure(NYALA_INVALID_ARGUMENT,
                  std::string(name) + " must be " + range + ", got " + std::to_string(got));
  };
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    refuse("temperature", "a finite number of at least 0", options.temperature);
  if (!(options.topP > 0 && options.topP <= 1))
    refuse("top_p", "above 0 and at most 1", options.topP);
}

[[noreturn]] void refuseAll(Sampler::Mask mask) {
  throw Failure(NYALA_INVALID_ARGUMENT,
                std::string("cannot sample: all logits ") +
                    (mask.empty() ? "" : "of tokens that may come ") +
                    "are NaN or -infinity; the model's weights or its input are damaged");
}

} // namespace

Sampler::Sampler(const SamplerOptions &options, size_t vocabulary)
    : vocabulary(vocabulary), order(std::make_unique_for_overwrite<uint32_t[]>(vocabulary)),
      weights(std::make_unique_for_overwrite<double[]>(vocabulary)) {
  setOptions(options);
}

void Sampler::setOptions(const SamplerOptions &newOptions) {
  check(newOptions);
  options = newOptions;
  draws = 0;
}

double Sampler::draw() {
  ++draws;
  return static_cast<double>(mix(mix(options.seed) + draws * step) >> 11) * 0x1p-53;
}

template <typename GetLogit>
size_t Sampler::weigh(const GetLogit &getLogit, float largest, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t id = order[i];
    const float logit = getLogit(i);
    double weight = 1;
    if (logit < largest)
      weight = expOfNegative((static_cast<double>(logit) - static_cast<double>(largest)) /
                             static_cast<double>(options.temperature));
    weights[id] = weight;
    if (weight > 0)
      order[kept++] = id;
  }
  return kept;
}

size_t Sampler::cutToNucleus(const float *logits, size_t count) {
  double total = 0;
  for (size_t i = 0; i < count; ++i)
    total += weights[order[i]];
  double target = options.topP * total;
  double sum = 0;
  size_t kept = 0;
  if (!logits) {
    while (kept < count && sum < target)
      sum += weights[order[kept++]];
    return kept;
  }
  // A heap, because the nucleus is mostly a small part of the vocabulary. pop_heap puts the largest
  // candidate behind the heap, so the nucleus grows from the back.
  auto after = [before = Before{logits}](uint32_t a, uint32_t b) { return before(b, a); };
  uint32_t *begin = order.get(), *end = begin + count;
  std::make_heap(begin, end, after);
  for (uint32_t *last = end; last != begin && sum < target; --last, ++kept) {
    std::pop_heap(begin, last, after);
    sum += weights[*(last - 1)];
  }
  std::reverse(begin, end);
  return kept;
}

int32_t Sampler::pick(const float *logits, size_t n, Mask mask) {
  if (n == 0 || n > vocabulary)
    throw Failure(NYALA_INVALID_ARGUMENT, "cannot sample from " + std::to_string(n) +
                                              " logits: expected 1 to " +
                                              std::to_string(vocabulary));
  if (!mask.empty() && mask.size() < (n + 63) / 64)
    throw Failure(NYALA_INVALID_ARGUMENT, "a mask of " + std::to_string(mask.size()) +
                                              " words does not cover " + std::to_string(n) +
                                              " tokens");
  const size_t best = findLargest(logits, n, mask);
  if (best == n)
    refuseAll(mask);
  if (options.temperature == 0)
    return static_cast<int32_t>(best);
  const float largest = logits[best];

  size_t count = 0;
  const auto add = [&](size_t id) {
    if (logits[id] > lowest)
      order[count++] = static_cast<uint32_t>(id);
  };
  visitAllowed(
      mask, n,
      [&](size_t begin, size_t end) {
        for (size_t id = begin; id < end; ++id)
          add(id);
      },
      add);
  bool sorted = options.topK > 0 && options.topK < n;
  if (sorted) {
    size_t kept = std::min<size_t>(options.topK, count);
    uint32_t *begin = order.get();
    std::partial_sort(begin, begin + kept, begin + count, Before{logits});
    count = kept;
  }
  count = weigh([&](size_t i) { return logits[order[i]]; }, largest, count);
  if (options.topP < 1)
    count = cutToNucleus(sorted ? nullptr : logits, count);
  return drawOne(count);
}

std::optional<int32_t> Sampler::pickAmong(std::span<const float> logits,
                                          std::span<const int32_t> ids, size_t n, Mask mask) {
  const bool isGreedy = options.temperature == 0;
  if (!isGreedy && (options.topK == 0 || options.topK >= n))
    return std::nullopt;
  // Behind a logit of -infinity there are only others.
  const size_t wanted = isGreedy ? 1 : options.topK;
  size_t count = 0, at = 0;
  for (; at < ids.size() && count < wanted && logits[at] > lowest; ++at)
    if (const auto id = static_cast<uint32_t>(ids[at]); isAllowed(mask, id)) {
      order[count++] = id;
      weights[id] = static_cast<double>(logits[at]);
    }
  const bool isAll = count == wanted || (at < ids.size() && !(logits[at] > lowest));
  if (count == 0 || !isAll)
    return std::nullopt;
  if (isGreedy)
    return static_cast<int32_t>(order[0]);
  const auto getLogit = [&](size_t i) { return static_cast<float>(weights[order[i]]); };
  count = weigh(getLogit, getLogit(0), count);
  if (options.topP < 1)
    count = cutToNucleus(nullptr, count);
  return drawOne(count);
}

int32_t Sampler::drawOne(size_t count) {
  double total = 0;
  for (size_t i = 0; i < count; ++i)
    total += weights[order[i]];
  double target = draw() * total;
  double sum = 0;
  for (size_t i = 0; i + 1 < count; ++i) {
    sum += weights[order[i]];
    if (sum > target)
      return static_cast<int32_t>(order[i]);
  }
  return static_cast<int32_t>(order[count - 1]);
}

} // namespace nyala::rt
