//===- SplitMix64.h - Random numbers that anyone can repeat -----*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_SPLITMIX64_H
#define NYALA_TOOLS_NYALA_TRAIN_SPLITMIX64_H

#include <cstdint>

namespace nyala::train {

/// Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (OOPSLA 2014), with the
/// constants that are in common use.
class SplitMix64 {
public:
  explicit SplitMix64(uint64_t state) : state(state) {}

  uint64_t next() {
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  /// Above 0, at most 1.
  double nextUnit() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }

private:
  uint64_t state;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_SPLITMIX64_H
