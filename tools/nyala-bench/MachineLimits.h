//===- MachineLimits.h - What this machine can read and compute -*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_BENCH_MACHINELIMITS_H
#define NYALA_TOOLS_NYALA_BENCH_MACHINELIMITS_H

#include <cstdint>
#include <string>

namespace nyala {

struct MachineLimits {
  std::string gpu; ///< what its maker calls it; empty: it is a CPU
  unsigned threads;
  uint64_t bufferBytes;     ///< that bandwidth was measured over
  uint64_t lastLevelCache;  ///< bytes; 0: the system does not say
  double bytesPerSecond;    ///< read, by all threads together
  double flopsPerSecond;    ///< by all threads together; a multiply-add is two; 0: not known
  std::string instructions; ///< whose rate that is: "avx512vnni"
};

/// Measures `threads` threads: reading a buffer of `bytes` in order, and the instructions that
/// products are made of: multiply-adds of f32, or with `integers` dot products of 8-bit integers.
/// The best of several passes each: what stands in the way of a limit is none.
MachineLimits measureMachine(unsigned threads, uint64_t bytes, bool integers);

/// Measures the GPU "cuda:N": copies within its memory, whose bytes count twice, read and written.
/// What it computes at most is not measured.
MachineLimits measureGpu(const std::string &device);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_BENCH_MACHINELIMITS_H
