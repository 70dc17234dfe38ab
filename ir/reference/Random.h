//===- Random.h - Repeatable random numbers by name -------------*- C++ -*-===//
#ifndef NYALA_IR_REFERENCE_RANDOM_H
#define NYALA_IR_REFERENCE_RANDOM_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/xxhash.h"

#include <cstdint>

namespace nyala::reference {

/// A stream of numbers that a seed and a name determine on every machine, so that two modules give
/// the same weight or argument the same values wherever it stands in them.
class RandomStream {
public:
  RandomStream(uint64_t seed, llvm::StringRef name) : state(seed ^ llvm::xxh3_64bits(name)) {}

  /// SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators", figure 17).
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  /// 0..bound-1; `bound` is positive and small beside 2^64.
  int64_t below(int64_t bound) {
    return static_cast<int64_t>(next() % static_cast<uint64_t>(bound));
  }

  /// Mean 0, variance 1 and nearly normal: the sum of four uniform numbers of 16 bits, scaled.
  /// Multiples of 2^-16 times a constant that f32 holds, hence exact in f64 and the same
  /// everywhere.
  double normal() {
    uint64_t bits = next();
    int64_t sum = 0;
    for (int i = 0; i < 4; ++i, bits >>= 16)
      sum += static_cast<int64_t>(bits & 0xffff);
    return static_cast<double>(sum - 2 * 0xffff) * (1.7320508 / 65536.0);
  }

private:
  uint64_t state;
};

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_RANDOM_H
