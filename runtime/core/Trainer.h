//===- Trainer.h - Runs training steps --------------------------*- C++ -*-===//
//
// docs/training.md says what a step computes. An artifact for training has an
// entry 'train_step', or 'accumulate' and 'update', and it may have 'evaluate'.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_TRAINER_H
#define NYALA_RUNTIME_CORE_TRAINER_H

#include "runtime/core/Device.h"

#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// Holds the states (weights, optimizer) and the memory that steps run in. All of it is reserved
/// here; a step allocates nothing. For one thread at a time, but for cancel().
class Trainer {
public:
  struct Options {
    uint32_t threads = 0; ///< 0: one per usable core
  };

  /// A matrix of f32, row-major; a vector is one row. Zeros at first.
  struct State {
    std::string_view name;
    uint64_t rows, columns;
    std::span<float> values; ///< rows * columns
  };

  /// Rows of one call: `batch` sequences of `length` tokens, one after the other.
  struct Batch {
    std::span<const int32_t> tokens;  ///< ids, batch * length
    std::span<const int32_t> targets; ///< ids, one a row; any id where the weight is 0
    /// One a row: the loss is the sum of weight times negative log-likelihood.
    std::span<const float> lossWeights;
  };

  struct StepResult {
    float loss;
    float gradientNorm; ///< of all gradients together, before clipping
  };

  /// Where a value that is not finite came from.
  struct NonFinite {
    std::string_view state;  ///< the state that already held one; empty: all were finite
    std::string_view label;  ///< of the op in the model that wrote the first; empty: not known
    std::string_view kernel; ///< that wrote it; empty: none, only states are not finite
    uint32_t step;           ///< index in the entry
  };

  /// The device outlives the trainer. NYALA_UNSUPPORTED if the artifact has no training step or
  /// states are not in host memory, NYALA_INVALID_ARGUMENT if an option is out of range,
  /// NYALA_OUT_OF_MEMORY if the system grants no memory or threads.
  Trainer(const Device &device, const Options &options);

  const Artifact &getArtifact() const { return artifact; }
  uint32_t getBatch() const { return batch; }
  uint32_t getLength() const { return length; }
  /// Is a step several accumulate() and one update(), instead of one step()?
  bool accumulates() const { return accumulateEntry != nullptr; }
  bool canEvaluate() const { return evaluateEntry != nullptr; }
  /// In the artifact's order.
  std::span<const State> getStates() const { return states; }
  /// Null if there is none of that name.
  const State *findState(std::string_view name) const;

  // All calls that compute check the sizes of a batch, and its ids against the vocabulary, first
  // (NYALA_INVALID_ARGUMENT; nothing is computed then), and fail with NYALA_UNSUPPORTED if the
  // artifact has no such entry. A loss or norm that is not finite is no failure: the caller sees
  // it.

  /// Forward, backward and the optimizer.
  StepResult step(const Batch &batch, float rate);
  /// Forward and backward; adds the gradients to those of earlier calls. Returns the loss.
  float accumulate(const Batch &batch);
  /// The optimizer on the accumulated gradients, which are cleared. Returns their norm.
  float update(float rate);
  /// The loss alone; changes no state.
  float evaluate(const Batch &batch);
  /// Makes the next of these calls fail with NYALA_CANCELLED before it computes anything. One that
  /// runs is finished, so that states are those of whole steps; evaluate() stops between two
  /// kernels. One call fails for each cancel, or for several that come before. Async-signal-safe.
  void cancel() noexcept { cancelled.store(true, std::memory_order_relaxed); }
  /// Forgets a cancel that no call has answered.
  void clearCancel() noexcept { cancelled.store(false, std::memory_order_relaxed); }

  /// Runs what the last step(), accumulate() or evaluate() did again, without what updates states,
  /// one kernel after the other, and finds the first that writes an f32 that is not finite. If
  /// there is none: the first state that is not finite. Changes no state.
  std::optional<NonFinite> findNonFinite();

  /// Begins to record what steps take, from nothing.
  void beginProfile();
  /// Ends it.
  void endProfile() { profiles.clear(); }
  /// What was recorded of each entry so far; nothing outside begin and end.
  void visitProfile(const ProfileCallback &visit) const;
  const Device &getDevice() const { return device; }

  /// What is reserved. Nothing is added later.
  const MemoryUse &getMemory() const { return executor->getUse(); }
  uint64_t getPeakBytes() const { return executor->getUse().getTotal(); }

private:
  /// NYALA_UNSUPPORTED if there is no such entry.
  BoundEntry &require(const std::unique_ptr<BoundEntry> &entry, const char *name) const;
  /// Checks a batch, answers a cancel and sets the arguments.
  void begin(const Batch &data);
  void setRate(float rate);
  /// Where an entry's steps are recorded; null: nowhere.
  Profile *findProfile(const BoundEntry &entry);
  /// Throws NYALA_CANCELLED if a cancel is pending.
  void answerCancel();
  /// Are all new values of f32 that step `index` of an entry wrote finite?
  static bool writesFinite(const BoundEntry &entry, uint32_t index);
  /// The first state among a step's buffers that is not finite; empty if all are.
  std::string_view findNonFiniteInput(const artifact::Step &step) const;

  const Device &device;
  const Artifact &artifact;
  uint32_t batch = 0, length = 0;
  std::unique_ptr<Executor> executor;
  std::vector<State> states;
  std::atomic<bool> cancelled = false;
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::unique_ptr<BoundEntry> stepEntry, accumulateEntry, updateEntry, evaluateEntry;
  BoundEntry *last = nullptr;                                   ///< what findNonFinite() runs again
  std::vector<std::pair<const BoundEntry *, Profile>> profiles; ///< empty: none is recorded
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_TRAINER_H
