//===- Device.h - What programs run on --------------------------*- C++ -*-===//
//
// A device holds what all sessions of a model share: code, weights. An executor
// holds the memory of one session or trainer: states, arena, arguments, results.
// A bound entry is one entry of the artifact in that memory. Sessions write
// arguments and read results in host memory, whatever the device, which copies
// large results there only when they are asked for; states are read, written and
// copied through the executor alone. docs/cuda.md, "Runtime".
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_DEVICE_H
#define NYALA_RUNTIME_CORE_DEVICE_H

#include "runtime/core/Artifact.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// Value of one of an entry's counts for one call.
struct CountValue {
  uint32_t rows;
  /// Cached positions that these rows attend to, added up; for profiles alone.
  uint64_t positions = 0;
};

/// What the steps of an entry took, added up over its runs.
struct Profile {
  using Clock = std::chrono::steady_clock;
  struct Step {
    uint64_t calls = 0;
    uint64_t rows = 0;
    uint64_t positions = 0; ///< that those rows attended to, added up
    Clock::duration time{}; ///< from the step's begin until it was done
    Clock::duration busy{}; ///< that workers spent in the kernel, added up over workers
  };
  std::vector<Step> steps;
};

using ProfileCallback = std::function<void(const artifact::Entry &, const Profile &)>;

/// Bytes that are reserved, by what for.
struct MemoryUse {
  uint64_t states = 0;
  uint64_t arena = 0;
  uint64_t rest = 0; ///< arguments, results, scratch or workspace

  uint64_t getTotal() const { return states + arena + rest; }
};

/// What a caller of its own does while a device computes.
class WorkBeside {
public:
  virtual void work() noexcept = 0;

protected:
  ~WorkBeside() = default;
};

/// One entry, bound to the memory of the executor that made it.
class BoundEntry {
public:
  explicit BoundEntry(const artifact::Entry &source);
  virtual ~BoundEntry();
  BoundEntry(const BoundEntry &) = delete;
  BoundEntry &operator=(const BoundEntry &) = delete;

  const artifact::Entry &getSource() const { return source; }
  /// Values of the entry's counts, in its order, at first their maxima; none may be above its
  /// maximum. Sessions set rows and wanted.
  std::span<CountValue> getCounts() { return counts; }
  std::span<const CountValue> getCounts() const { return counts; }
  /// Number of the result of that name among the entry's; nothing if there is none.
  std::optional<uint32_t> findResult(std::string_view name) const;
  /// Host memory with rows `first` to `first + count - 1` of a result, row by row, as the last run
  /// computed them; they are copied from the device when first asked for. Of an executor's entries
  /// those of the last run alone have results. Allocates nothing. Throws rt::Failure if the device
  /// fails.
  const std::byte *readResult(uint32_t result, uint32_t first, uint32_t count);

  /// Runs all steps on the executor's arguments; steps whose count is 0 are left out. `cancelled`
  /// (may be null) is looked at before it begins, and by devices that run step after step before
  /// each: if it is set the rest is left out and false returned. `profile` (may be null) gets what
  /// each step took; it has a place for each. `beside` (may be null) is done by the calling thread
  /// while a device computes that needs no thread, else before the first step. Does not allocate
  /// once it has run for as many rows. Throws rt::Failure if the device fails, naming step and
  /// kernel where it can.
  virtual bool run(const std::atomic<bool> *cancelled, Profile *profile, WorkBeside *beside) = 0;
  /// Runs step `index` alone.
  virtual void runStep(size_t index) = 0;
  /// Copies bytes of a step's buffer, in the step's order, from where the device has it.
  virtual void readBuffer(size_t step, size_t buffer, uint64_t offset,
                          std::span<std::byte> bytes) const = 0;

protected:
  /// Copies rows of a result to its host memory, if they are not there yet.
  virtual void fetchResult(uint32_t result, uint32_t first, uint32_t count) = 0;

  const artifact::Entry &source;
  std::vector<CountValue> counts;
  std::vector<std::byte *> results; ///< run parallel to the entry's; set by the executor
};

struct ExecutorOptions {
  uint32_t threads = 0;   ///< of a CPU; 0: one per usable core
  uint32_t sequences = 1; ///< that states are reserved for, at most as many as they hold
  uint32_t context = 0;   ///< positions of a sequence that are used; 0: all
};

/// The memory that programs of one session or trainer run in. All of it is reserved before anything
/// runs. For one thread at a time.
class Executor {
public:
  virtual ~Executor();

  /// Binds the device's entry of that name and reserves its results; null if there is no such
  /// entry. The executor outlives what it bound. NYALA_OUT_OF_MEMORY.
  virtual std::unique_ptr<BoundEntry> bind(std::string_view name) = 0;

  /// Host memory, as long as the longest argument of any entry. Written between runs.
  template <typename Element> Element *getArgument(artifact::ArgumentRole role) const {
    static_assert(sizeof(Element) == sizeof(int32_t));
    return reinterpret_cast<Element *>(arguments[static_cast<size_t>(role)]);
  }

  /// Bytes of state `index`, from `offset` on. They are zero until something writes them.
  virtual void readState(uint32_t index, uint64_t offset, std::span<std::byte> bytes) const = 0;
  virtual void writeState(uint32_t index, uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// Copies `bytes` from one place of a state to another one that does not overlap it.
  virtual void copyState(uint32_t index, uint64_t from, uint64_t to, uint64_t bytes) = 0;
  /// State `index` where a caller may read and write it between runs; null if it is not in host
  /// memory.
  virtual std::byte *getHostState(uint32_t index) const = 0;

  /// What is reserved so far.
  const MemoryUse &getUse() const { return use; }

protected:
  static constexpr size_t roles = static_cast<size_t>(artifact::ArgumentRole::MAX) + 1;
  std::array<std::byte *, roles> arguments = {}; ///< set by the device's executor
  MemoryUse use;
};

/// Shared by sessions, which may run at the same time.
class Device {
public:
  /// The artifact outlives the device.
  explicit Device(const Artifact &artifact) : artifact(artifact) {}
  virtual ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  const Artifact &getArtifact() const { return artifact; }
  artifact::Target getTarget() const { return getExecutable().target(); }
  /// The code that runs here.
  virtual const artifact::Executable &getExecutable() const = 0;
  /// "cpu", "cuda:0".
  virtual const std::string &getName() const = 0;
  /// What the maker calls it: "NVIDIA H100 80GB HBM3"; "" if nobody said.
  virtual const std::string &getProduct() const = 0;

  /// NYALA_INVALID_ARGUMENT if an option is out of range, NYALA_OUT_OF_MEMORY if the system or the
  /// device grants no memory or threads. The device outlives the executor.
  virtual std::unique_ptr<Executor> createExecutor(const ExecutorOptions &options) const = 0;

  const artifact::Kernel &getKernel(const artifact::Step &step) const {
    return *getExecutable().kernels()->Get(step.kernel());
  }

private:
  const Artifact &artifact;
};

/// Bytes of the arena: those of a device's largest entry.
uint64_t getArenaBytes(const artifact::Artifact &program, artifact::Target device);
/// Elements that an argument in this role needs at most. Those that a session or a trainer fills
/// whether an entry reads them or not are as long as the longest of a device's entries.
uint64_t getMaxArgument(const artifact::Artifact &program, artifact::Target device,
                        artifact::ArgumentRole role);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_DEVICE_H
