//===- Session.h - One growing sequence of tokens ---------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_CORE_SESSION_H
#define NYALA_RUNTIME_CORE_SESSION_H

#include "runtime/core/Artifact.h"
#include "runtime/core/Mapping.h"
#include "runtime/devices/cpu/CpuImage.h"
#include "runtime/devices/cpu/CpuProgram.h"
#include "runtime/devices/cpu/ThreadPool.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace nyala::rt {

/// Holds the states (KV caches) and the memory that programs run in. All of it is reserved here,
/// so that appending tokens allocates nothing. For one thread at a time, but for cancel().
class Session {
public:
  struct Options {
    uint32_t context = 0; ///< positions; 0: the model's capacity
    uint32_t threads = 0; ///< 0: one per physical core
  };
  using RowCallback = void (*)(void *user, size_t index, const float *logits);

  /// The artifact and the image outlive the session. NYALA_INVALID_ARGUMENT if an option is out of
  /// range, NYALA_OUT_OF_MEMORY if the system grants no memory or threads.
  Session(const Artifact &artifact, const CpuImage &image, const Options &options);

  const Artifact &getArtifact() const { return artifact; }
  uint32_t getPosition() const { return position; }
  uint32_t getContext() const { return context; }
  /// f32[vocabulary] after the last token, or null.
  const float *getLogits() const { return logits; }

  /// Appends tokens in chunks of the prefill entry's rows; a chunk of one row goes through decode.
  /// Nothing is appended on failure: NYALA_INVALID_ARGUMENT (no tokens, or a token out of range),
  /// NYALA_CONTEXT_FULL, NYALA_CANCELLED.
  void prefill(std::span<const int32_t> tokens);
  /// The same; calls `row` with the logits after each token.
  void prefillAll(std::span<const int32_t> tokens, RowCallback row, void *user);
  /// Appends one token. Fails as prefill does, but is not cancelled.
  void decode(int32_t token);
  /// Forgets positions from `newPosition` on.
  void rollback(uint32_t newPosition);
  /// Makes the running prefill, or the next one if none is running, fail with NYALA_CANCELLED.
  /// Async-signal-safe.
  void cancel() noexcept { cancelled.store(true, std::memory_order_relaxed); }

  /// Begins to record what steps take, from nothing.
  void beginProfile();
  /// Ends it.
  void endProfile();
  using ProfileCallback = std::function<void(const artifact::Entry &, const CpuProfile &)>;
  /// What was recorded of each entry so far; nothing outside begin and end.
  void visitProfile(const ProfileCallback &visit) const;

private:
  struct Entry {
    const artifact::Entry *source;
    CpuProgram program;
    std::unique_ptr<CpuProfile> profile; ///< null: not recorded
    uint32_t maxRows;
    uint32_t maxWanted;
    const float *logits;
  };

  std::optional<Entry> bind(std::string_view name, const CpuImage &image);
  void check(std::span<const int32_t> tokens) const;
  void append(std::span<const int32_t> tokens, RowCallback row, void *user);
  /// Runs one chunk whose first token is at `start`, with the logits of its last `wanted` rows.
  /// False if `cancel` stopped it.
  bool runChunk(const Entry &entry, std::span<const int32_t> tokens, uint32_t start,
                uint32_t wanted, const std::atomic<bool> *cancel);
  const Entry &getDecode() const { return decodeEntry ? *decodeEntry : *prefillEntry; }
  const Entry &getPrefill() const { return prefillEntry ? *prefillEntry : *decodeEntry; }

  const Artifact &artifact;
  uint32_t context;
  uint32_t position = 0;
  const float *logits = nullptr;
  std::atomic<bool> cancelled = false;
  static_assert(std::atomic<bool>::is_always_lock_free);

  ThreadPool pool;
  Mapping scratchMemory;
  Scratch scratch;
  Mapping arena;
  std::vector<Mapping> memory; ///< states and results
  std::vector<std::byte *> states;
  /// One array per artifact::ArgumentRole, as long as the longest of any entry.
  std::array<Mapping, 5> arguments;
  std::optional<Entry> decodeEntry, prefillEntry;
};

/// Rows of the largest chunk that prefill() runs at once.
uint32_t getMaxPrefill(const Artifact &artifact);
/// Bytes of the arena that a session reserves: the largest entry's.
uint64_t getArenaBytes(const Artifact &artifact);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_SESSION_H
