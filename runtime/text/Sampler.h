//===- Sampler.h - Picking a token from logits ------------------*- C++ -*-===//
//
// The same logits, options and seed give the same tokens on every machine: all
// arithmetic after the logits is f64 without contraction, in the order written
// here, with an exponential and a random generator of our own.
//
//  1. NaN counts as -infinity, and so does the logit of a token that a mask does
//     not allow (Constraint.h). If no logit is above -infinity the call fails.
//     Temperature 0: the largest logit; of equal ones the lowest id. Else:
//  2. top_k (off if 0 or at least n): the k largest logits are kept, of equal
//     ones those with lower ids, in descending order; else all, ascending ids.
//  3. Weight of a token: exp((logit - largest) / temperature), where results
//     below e^-708 are 0 and such tokens are dropped. An infinite largest logit
//     leaves only tokens that have it, each of weight 1.
//  4. top_p below 1: let S be the sum of the weights in the order so far. The
//     largest are kept, one after the other in descending order of logits (of
//     equal ones lower ids first), until their running sum reaches top_p * S.
//  5. Draw: the kept weights are summed in their order; the token at which a
//     second running sum first exceeds u * sum is picked, else the last one.
//
// u is the n-th draw after seeding (n = 1, 2, …) of SplitMix64 used as a counter
// based generator (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
// Generators, OOPSLA 2014): u = (mix(mix(seed) + n * 0x9E3779B97F4A7C15) >> 11)
// * 2^-53. Greedy picks draw nothing.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_SAMPLER_H
#define NYALA_RUNTIME_TEXT_SAMPLER_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace nyala::rt {

struct SamplerOptions {
  float temperature = 0; ///< 0: greedy
  uint32_t topK = 0;     ///< 0: off
  float topP = 1;        ///< 1: off
  uint64_t seed = 0;
};

class Sampler {
public:
  /// Throws Failure(NYALA_INVALID_ARGUMENT) naming the option that is out of range (temperature
  /// finite and ≥ 0, 0 < topP ≤ 1). `vocabulary` bounds `n` of later picks.
  Sampler(const SamplerOptions &options, size_t vocabulary);

  /// Changes the options and starts the random sequence of their seed. Throws as the constructor
  /// does, and then nothing is changed. Allocates nothing.
  void setOptions(const SamplerOptions &options);

  /// Which ids may be picked: bit id % 64 of word id / 64. Empty: all.
  using Mask = std::span<const uint64_t>;

  /// Picks an id below `n` from logits[0..n). Allocates nothing. Throws
  /// Failure(NYALA_INVALID_ARGUMENT) if n is 0 or above the vocabulary, if the mask covers fewer,
  /// or if no logit is above -infinity.
  int32_t pick(const float *logits, size_t n, Mask mask = {});

  /// What pick() would give for the n logits of which these, of `ids`, are the largest, in
  /// descending order, of equal ones lower ids first, with -infinity for NaN. Nothing if they do
  /// not tell: they do if it is greedy and one of them is allowed, or top_k keeps no more than are.
  /// Allocates nothing.
  std::optional<int32_t> pickAmong(std::span<const float> logits, std::span<const int32_t> ids,
                                   size_t n, Mask mask = {});

private:
  double draw();
  /// Weighs the first `count` of `order`, of which number i has `getLogit(i)`, and drops those of
  /// weight 0; returns how many are left.
  template <typename GetLogit> size_t weigh(const GetLogit &getLogit, float largest, size_t count);
  /// Moves the nucleus to the front of `order`, largest first; returns its size. `logits` by id;
  /// null if `order` is sorted.
  size_t cutToNucleus(const float *logits, size_t count);
  /// One of the first `count` of `order`, by their weights.
  int32_t drawOne(size_t count);

  SamplerOptions options;
  uint64_t draws = 0;
  size_t vocabulary;
  // Arrays of `vocabulary` elements. Not cleared, so that memory is first touched when it is used.
  std::unique_ptr<uint32_t[]> order; ///< candidates
  std::unique_ptr<double[]> weights; ///< by id
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_SAMPLER_H
