//===- ThreadPool.cpp - Fixed workers that run one job at a time ----------===//

#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cpu/CpuQuota.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <immintrin.h>
#include <sched.h>
#include <set>
#include <string>
#include <system_error>

namespace nyala::rt {

/// Longer than the pause between two steps, shorter than what a user would notice in `top`.
static constexpr std::chrono::microseconds spinTime(200);

/// Numbers of the processors that the process may run on.
static std::vector<int> getAllowedProcessors() {
  // The kernel refuses sets smaller than its own: grow until it fits.
  for (int capacity = 1024; capacity <= (1 << 20); capacity *= 2) {
    cpu_set_t *set = CPU_ALLOC(capacity);
    if (!set)
      break;
    const size_t bytes = CPU_ALLOC_SIZE(capacity);
    CPU_ZERO_S(bytes, set);
    const bool fits = sched_getaffinity(0, bytes, set) == 0;
    std::vector<int> processors;
    for (int i = 0; fits && i < capacity; ++i)
      if (CPU_ISSET_S(i, bytes, set))
        processors.push_back(i);
    CPU_FREE(set);
    if (fits)
      return processors;
  }
  return {0};
}

unsigned countUsableCores() {
  std::set<std::string> cores;
  for (int processor : getAllowedProcessors()) {
    const std::string number = std::to_string(processor);
    std::ifstream file("/sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list");
    std::string siblings;
    // Without topology each processor counts as a core.
    if (!std::getline(file, siblings))
      siblings = number;
    cores.insert(siblings);
  }
  const auto count = std::min(static_cast<double>(cores.size()), getCpuQuota());
  return std::clamp(static_cast<unsigned>(count), 1u, ThreadPool::maxThreads);
}

unsigned chooseThreads(uint32_t asked) {
  return chooseOption(asked, countUsableCores(), ThreadPool::maxThreads, "threads");
}

ThreadPool::ThreadPool(unsigned threads)
    : spins(threads <= getAllowedProcessors().size() && threads <= getCpuQuota()), claims(threads) {
  workers.reserve(threads - 1);
  try {
    for (unsigned worker = 1; worker < threads; ++worker)
      workers.emplace_back([this, worker] { loop(worker); });
  } catch (const std::system_error &error) {
    const size_t started = workers.size() + 1;
    stop();
    throw Failure(NYALA_OUT_OF_MEMORY, "cannot start " + std::to_string(threads) +
                                           " threads: " + error.code().message() + " after " +
                                           std::to_string(started) + "; ask for fewer");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping = true;
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::await(const std::atomic<uint32_t> &value, uint32_t old) const {
  if (spins) {
    const auto end = std::chrono::steady_clock::now() + spinTime;
    do {
      for (int i = 0; i < 64; ++i) {
        if (value.load(std::memory_order_acquire) != old)
          return;
        _mm_pause();
      }
    } while (std::chrono::steady_clock::now() < end);
  }
  value.wait(old, std::memory_order_acquire);
}

void ThreadPool::tryRange(unsigned owner, unsigned worker, uint32_t job) {
  // Claims go from job to job, so this fails as well for a job that is over.
  uint32_t previous = job - 1;
  if (!claims[owner].job.compare_exchange_strong(previous, job, std::memory_order_acq_rel))
    return;
  const int64_t each = items / size(), rest = items % size();
  const int64_t begin = owner * each + std::min<int64_t>(owner, rest);
  const int64_t end = begin + each + (owner < rest ? 1 : 0);
  if (begin < end)
    work(context, worker, begin, end);
  if (running.fetch_sub(1, std::memory_order_acq_rel) == 1)
    running.notify_one();
}

void ThreadPool::loop(unsigned worker) {
  for (uint32_t seen = 0;;) {
    await(generation, seen);
    // Jobs that began and ended meanwhile have been done by others.
    seen = generation.load(std::memory_order_acquire);
    if (stopping)
      return;
    tryRange(worker, worker, seen);
  }
}

void ThreadPool::run(Work newWork, const void *newContext, int64_t newItems) {
  if (newItems <= 0)
    return;
  if (newItems == 1 || workers.empty())
    return newWork(newContext, 0, 0, newItems);
  work = newWork;
  context = newContext;
  items = newItems;
  running.store(size(), std::memory_order_relaxed);
  const uint32_t job = generation.fetch_add(1, std::memory_order_release) + 1;
  generation.notify_all();
  for (unsigned owner = 0; owner < size(); ++owner)
    tryRange(owner, 0, job);
  for (uint32_t left; (left = running.load(std::memory_order_acquire)) != 0;)
    await(running, left);
}

} // namespace nyala::rt
