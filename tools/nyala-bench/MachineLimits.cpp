//===- MachineLimits.cpp - What this machine can read and compute ---------===//

#include "tools/nyala-bench/MachineLimits.h"
#include "runtime/core/Mapping.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/run-support/Interrupt.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <immintrin.h>
#include <limits>
#include <sys/mman.h>

namespace nyala {
namespace {

using Clock = std::chrono::steady_clock;

/// What loops compute goes here, so that they are not left out.
std::atomic<int> sink;

/// Bytes of the buffer that one work item reads.
constexpr uint64_t blockBytes = 4096;

bool has(const char *feature) {
  return rt::CpuFeatures::host().query(feature) == rt::CpuFeatures::Answer::Present;
}

//===--------------------------------------------------------------------===//
// Reading
//===--------------------------------------------------------------------===//

/// How reading asks for what comes next. Which is the quickest depends on the CPU: how many lines
/// may be under way differs from cache to cache.
enum class Prefetch { None, FirstLevel, SecondLevel };

template <Prefetch prefetch> [[gnu::always_inline]] inline void askFor(const std::byte *next) {
  constexpr uint64_t firstLevelBytes = 16384, secondLevelBytes = 32768; // ahead
  if constexpr (prefetch == Prefetch::FirstLevel)
    _mm_prefetch(next + firstLevelBytes, _MM_HINT_T0);
  else if constexpr (prefetch == Prefetch::SecondLevel)
    _mm_prefetch(next + secondLevelBytes, _MM_HINT_T1);
}

template <Prefetch prefetch>
__attribute__((target("avx512f"))) void readAvx512(const std::byte *from, const std::byte *to) {
  __m512i sums[4] = {};
  for (; from < to; from += 256)
    for (int i = 0; i < 4; ++i) {
      askFor<prefetch>(from + i * 64);
      sums[i] = _mm512_add_epi32(sums[i], _mm512_load_si512(from + i * 64));
    }
  const __m512i sum =
      _mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
  sink.store(_mm512_reduce_add_epi32(sum), std::memory_order_relaxed);
}

template <Prefetch prefetch> void readSse2(const std::byte *from, const std::byte *to) {
  __m128i sums[16] = {};
  for (; from < to; from += 256) {
    for (int i = 0; i < 4; ++i)
      askFor<prefetch>(from + i * 64);
    for (int i = 0; i < 16; ++i)
      sums[i] =
          _mm_add_epi32(sums[i], _mm_load_si128(reinterpret_cast<const __m128i *>(from + i * 16)));
  }
  for (int i = 1; i < 16; ++i)
    sums[0] = _mm_add_epi32(sums[0], sums[i]);
  sink.store(_mm_cvtsi128_si32(sums[0]), std::memory_order_relaxed);
}

using Read = void (*)(const std::byte *from, const std::byte *to);

template <Prefetch prefetch> Read chooseRead() {
  return has("avx512f") ? readAvx512<prefetch> : readSse2<prefetch>;
}

//===--------------------------------------------------------------------===//
// Computing
//===--------------------------------------------------------------------===//

/// Independent results, more than an instruction's latency times the units that execute it.
constexpr int chains = 12;
/// Instructions of each chain that one call executes.
constexpr int64_t rounds = 1 << 20;

__attribute__((target("avx512f"))) void multiplyAvx512() {
  __m512 sums[chains] = {};
  const __m512 x = _mm512_set1_ps(0.5f);
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (__m512 &sum : sums)
      sum = _mm512_fmadd_ps(sum, x, x);
  for (int i = 1; i < chains; ++i)
    sums[0] = _mm512_add_ps(sums[0], sums[i]);
  sink.store(static_cast<int>(_mm512_reduce_add_ps(sums[0])), std::memory_order_relaxed);
}

__attribute__((target("avx2,fma"))) void multiplyAvx2() {
  __m256 sums[chains] = {};
  const __m256 x = _mm256_set1_ps(0.5f);
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (__m256 &sum : sums)
      sum = _mm256_fmadd_ps(sum, x, x);
  for (int i = 1; i < chains; ++i)
    sums[0] = _mm256_add_ps(sums[0], sums[i]);
  sink.store(static_cast<int>(_mm256_cvtss_f32(sums[0])), std::memory_order_relaxed);
}

void multiplySse2() {
  __m128 sums[chains] = {};
  const __m128 x = _mm_set1_ps(0.5f);
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (__m128 &sum : sums)
      sum = _mm_add_ps(_mm_mul_ps(sum, x), x);
  for (int i = 1; i < chains; ++i)
    sums[0] = _mm_add_ps(sums[0], sums[i]);
  sink.store(static_cast<int>(_mm_cvtss_f32(sums[0])), std::memory_order_relaxed);
}

__attribute__((target("avx512f,avx512vnni"))) void dotAvx512Vnni() {
  __m512i sums[chains] = {};
  const __m512i x = _mm512_set1_epi8(static_cast<char>(sink.load(std::memory_order_relaxed)));
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (__m512i &sum : sums)
      sum = _mm512_dpbusd_epi32(sum, x, x);
  for (int i = 1; i < chains; ++i)
    sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  sink.store(_mm512_reduce_add_epi32(sums[0]), std::memory_order_relaxed);
}

__attribute__((target("avx2,avxvnni"))) void dotAvxVnni() {
  __m256i sums[chains] = {};
  const __m256i x = _mm256_set1_epi8(static_cast<char>(sink.load(std::memory_order_relaxed)));
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (__m256i &sum : sums)
      sum = _mm256_dpbusd_avx_epi32(sum, x, x);
  for (int i = 1; i < chains; ++i)
    sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  sink.store(_mm256_extract_epi32(sums[0], 0), std::memory_order_relaxed);
}

/// Without dot product instructions: pairs of products in 16 bits, pairs of those in 32.
__attribute__((target("avx2"))) void dotAvx2() {
  __m256i sums[chains] = {};
  const __m256i x = _mm256_set1_epi8(static_cast<char>(sink.load(std::memory_order_relaxed)));
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
    for (__m256i &sum : sums)
      sum = _mm256_add_epi32(
          sum, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_xor_si256(x, sum), x), ones));
  for (int i = 1; i < chains; ++i)
    sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  sink.store(_mm256_extract_epi32(sums[0], 0), std::memory_order_relaxed);
}

struct Instructions {
  const char *name;
  int64_t flops; ///< of one instruction
  void (*execute)();
};

/// The widest that this machine has.
Instructions choose(bool integers) {
  if (integers && has("avx512vnni"))
    return {"avx512vnni", 128, dotAvx512Vnni};
  if (integers && has("avxvnni"))
    return {"avxvnni", 64, dotAvxVnni};
  if (integers && has("avx2"))
    return {"avx2", 64, dotAvx2};
  if (has("avx512f"))
    return {"avx512f", 32, multiplyAvx512};
  if (has("avx2") && has("fma"))
    return {"fma", 16, multiplyAvx2};
  return {"sse2", 8, multiplySse2};
}

//===--------------------------------------------------------------------===//
// Measuring
//===--------------------------------------------------------------------===//

/// Seconds of the quickest of several runs.
double timeBest(rt::ThreadPool &pool, rt::ThreadPool::Work work, const void *context,
                int64_t items) {
  double best = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < 12; ++pass) {
    throwIfInterrupted();
    const Clock::time_point begin = Clock::now();
    pool.run(work, context, items);
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return best;
}

/// Bytes a second that the threads read from a buffer, together.
double measureReading(rt::ThreadPool &pool, uint64_t bytes) {
  const rt::Mapping buffer = rt::Mapping::reserve(bytes, "a buffer to read");
  madvise(buffer.data(), bytes, MADV_HUGEPAGE); // a wish
  std::fill_n(buffer.data(), bytes, std::byte{1});
  struct Reading {
    const std::byte *base;
    Read read;
  };
  const auto work = [](const void *context, unsigned, int64_t begin, int64_t end) {
    const Reading &reading = *static_cast<const Reading *>(context);
    reading.read(reading.base + begin * blockBytes, reading.base + end * blockBytes);
  };
  double seconds = std::numeric_limits<double>::infinity();
  for (Read read : {chooseRead<Prefetch::None>(), chooseRead<Prefetch::FirstLevel>(),
                    chooseRead<Prefetch::SecondLevel>()}) {
    const Reading reading = {buffer.data(), read};
    seconds =
        std::min(seconds, timeBest(pool, work, &reading, static_cast<int64_t>(bytes / blockBytes)));
  }
  return static_cast<double>(bytes) / seconds;
}

/// FLOPs a second that the threads compute, together.
double measureComputing(rt::ThreadPool &pool, const Instructions &instructions) {
  const auto work = [](const void *context, unsigned, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      static_cast<const Instructions *>(context)->execute();
  };
  const double seconds = timeBest(pool, work, &instructions, pool.size());
  return static_cast<double>(instructions.flops * chains * rounds * pool.size()) / seconds;
}

/// Bytes, 0 if the system does not say. (sysconf multiplies what AMD's processors have.)
uint64_t getLastLevelCache() {
  uint64_t bytes = 0, highest = 0;
  for (int index = 0; index < 10; ++index) {
    const std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    uint64_t level = 0, kibibytes = 0;
    if (!(std::ifstream(folder + "level") >> level) ||
        !(std::ifstream(folder + "size") >> kibibytes) || level < highest)
      continue;
    highest = level;
    bytes = kibibytes * 1024; // "32768K"
  }
  return bytes;
}

} // namespace

MachineLimits measureMachine(unsigned threads, uint64_t bytes, bool integers) {
  rt::ThreadPool pool(threads);
  const uint64_t bufferBytes = std::max<uint64_t>(1, bytes / blockBytes) * blockBytes;
  const Instructions instructions = choose(integers);
  return {"",
          threads,
          bufferBytes,
          getLastLevelCache(),
          measureReading(pool, bufferBytes),
          measureComputing(pool, instructions),
          instructions.name};
}

} // namespace nyala
