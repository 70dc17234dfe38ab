//===- ThreadPool.h - Fixed workers that run one job at a time --*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CPU_THREADPOOL_H
#define NYALA_RUNTIME_DEVICES_CPU_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace nyala::rt {

/// Physical cores that the process may run on (sched_getaffinity, sysfs), no more than it has
/// processor time for (CpuQuota.h), at least 1. Threads beyond that would use up the quota of a
/// period early, and everybody would wait for the next.
unsigned countUsableCores();

/// `asked`, or one a usable core for 0. NYALA_INVALID_ARGUMENT above ThreadPool::maxThreads.
unsigned chooseThreads(uint32_t asked);

/// Divides jobs over workers; the caller of run() is worker 0. A waiting worker looks for the next
/// job for a fraction of a millisecond, because steps of a program follow each other closely, and
/// then sleeps. Each worker has its range of a job; the caller takes over ranges that their workers
/// have not begun when it is done with its own, so that a job does not wait for a worker whose
/// processor is busy with another program.
class ThreadPool {
public:
  static constexpr unsigned maxThreads = 256;
  /// Computes work items [begin, end). Must not throw.
  using Work = void (*)(const void *context, unsigned worker, int64_t begin, int64_t end);

  /// NYALA_OUT_OF_MEMORY if the system starts no more threads.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return workers.size() + 1; }

  /// Calls work on contiguous ranges of [0, items), as equal as possible, one a worker, and returns
  /// when all are done. For one thread at a time. Does not allocate.
  void run(Work work, const void *context, int64_t items);

private:
  void loop(unsigned worker);
  void stop();
  /// Computes the range of `owner` as worker `worker`, unless somebody has begun it.
  void tryRange(unsigned owner, unsigned worker, uint32_t job);
  /// Waits until `value` is no longer `old`.
  void await(const std::atomic<uint32_t> &value, uint32_t old) const;

  // The job: written by run() before `generation` grows, read by those who have claimed a range of
  // it, which keeps run() from returning.
  Work work = nullptr;
  const void *context = nullptr;
  int64_t items = 0;
  std::atomic<bool> stopping = false;
  /// False with more workers than processors, or than processor time: spinning would only delay
  /// the others.
  bool spins;
  alignas(64) std::atomic<uint32_t> generation = 0; ///< number of jobs so far
  alignas(64) std::atomic<uint32_t> running = 0;    ///< ranges of this job that are not finished
  /// The last job whose range of a worker has been begun. On cache lines of their own.
  struct alignas(64) Claim {
    std::atomic<uint32_t> job = 0;
  };
  alignas(64) std::vector<Claim> claims;
  std::vector<std::thread> workers;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_CPU_THREADPOOL_H
