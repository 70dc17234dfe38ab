//===- Session.h - One growing sequence of tokens ---------------*- C++ -*-===//
//
// docs/sessions.md says what data flows where.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_SESSION_H
#define NYALA_RUNTIME_CORE_SESSION_H

#include "runtime/core/ProgramMemory.h"
#include "runtime/devices/cpu/ThreadPool.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nyala::rt {

/// Holds the states (KV caches) and the memory that programs run in. All of it is reserved here,
/// so that appending tokens allocates nothing. For one thread at a time, but for cancel(). Sessions
/// share nothing that changes: each has its pool, and the artifact and the image are only read.
class Session {
public:
  struct Options {
    uint32_t context = 0; ///< positions; 0: the model's capacity
    uint32_t threads = 0; ///< 0: one per usable core
  };
  using RowCallback = void (*)(void *user, size_t index, const float *logits);

  /// The artifact and the image outlive the session. NYALA_UNSUPPORTED if the artifact has no entry
  /// to evaluate tokens with (it is for training), NYALA_INVALID_ARGUMENT if an option is out of
  /// range, NYALA_OUT_OF_MEMORY if the system grants no memory or threads.
  Session(const Artifact &artifact, const CpuImage &image, const Options &options);

  const Artifact &getArtifact() const { return artifact; }
  uint32_t getPosition() const { return position; }
  uint32_t getContext() const { return context; }
  /// Ids of positions 0 to getPosition() - 1.
  std::span<const int32_t> getTokens() const { return {tokens, position}; }
  /// f32[vocabulary] after the last token, or null.
  const float *getLogits() const { return logits; }

  /// Appends tokens in chunks of the prefill entry's rows; a chunk of one row goes through decode.
  /// Nothing is appended on failure: NYALA_INVALID_ARGUMENT (no tokens, or a token out of range),
  /// NYALA_CONTEXT_FULL, NYALA_CANCELLED.
  void prefill(std::span<const int32_t> tokens) { append(tokens, nullptr, nullptr); }
  /// The same; calls `row` with the logits after each token. NYALA_UNSUPPORTED if the prefill entry
  /// gives logits of one row alone but takes several.
  void prefillAll(std::span<const int32_t> tokens, RowCallback row, void *user) {
    append(tokens, row, user);
  }
  /// Appends one token. Fails as prefill does.
  void decode(int32_t token);
  /// Makes the session hold `tokens` and no others. Keeps the longest common prefix with those it
  /// holds, but for the last token, which is always evaluated; returns how many it kept. Fails as
  /// prefill does; NYALA_CANCELLED leaves the kept ones.
  size_t setTokens(std::span<const int32_t> tokens);
  /// Forgets positions from `newPosition` on.
  void rollback(uint32_t newPosition);
  /// Makes the call that evaluates tokens, or the next one if none does, fail with NYALA_CANCELLED;
  /// one call for each cancel, or for several that come before it fails. Async-signal-safe.
  void cancel() noexcept { cancelled.store(true, std::memory_order_relaxed); }
  /// Forgets a cancel that no call has answered.
  void clearCancel() noexcept { cancelled.store(false, std::memory_order_relaxed); }

  /// Bytes that the caller keeps with the session; saved and restored.
  const std::string &getNote() const { return note; }
  void setNote(std::string bytes) { note = std::move(bytes); }
  /// Writes tokens, filled slots, logits and note (SessionFile.h). NYALA_IO_ERROR.
  void save(const std::string &path) const;
  /// Takes over what save() wrote. Fails, and nothing is changed, with NYALA_NOT_FOUND,
  /// NYALA_IO_ERROR, NYALA_VERSION, NYALA_CORRUPT (no session, truncated, altered),
  /// NYALA_OTHER_MODEL, NYALA_CONTEXT_FULL. A file that can no longer be read after it was checked
  /// leaves the session empty.
  void restore(const std::string &path);

  /// Begins to record what steps take, from nothing.
  void beginProfile();
  /// Ends it.
  void endProfile();
  using ProfileCallback = std::function<void(const artifact::Entry &, const CpuProfile &)>;
  /// What was recorded of each entry so far; nothing outside begin and end.
  void visitProfile(const ProfileCallback &visit) const;

private:
  struct Entry : BoundEntry {
    std::unique_ptr<CpuProfile> profile; ///< null: not recorded
    size_t rowsIndex, wantedIndex;       ///< of its counts
    uint32_t maxRows;
    uint32_t maxWanted;
    float *logits;
  };

  std::optional<Entry> bind(std::string_view name);
  /// Can `newTokens` be appended at `start`?
  void check(std::span<const int32_t> newTokens, uint32_t start) const;
  /// Can the logits of all tokens be had? Throws if not.
  void checkAllRows();
  void append(std::span<const int32_t> newTokens, RowCallback row, void *user);
  /// Runs one chunk whose first token is `done` behind the position, with the logits of its last
  /// `wanted` rows. Throws NYALA_CANCELLED.
  void runChunk(Entry &entry, std::span<const int32_t> chunk, size_t done, uint32_t wanted);
  /// The bytes of the slots of `positions`, in the order of the file: of each state those of
  /// sequence 0, the only one that a session fills.
  std::vector<std::span<std::byte>> getSlots(uint32_t positions) const;
  Entry &getDecode() { return decodeEntry ? *decodeEntry : *prefillEntry; }
  Entry &getPrefill() { return prefillEntry ? *prefillEntry : *decodeEntry; }

  ThreadPool pool;
  const Artifact &artifact;
  uint32_t context;
  uint32_t position = 0;
  const float *logits = nullptr;
  std::atomic<bool> cancelled = false;
  static_assert(std::atomic<bool>::is_always_lock_free);

  ProgramMemory memory;
  Mapping tokenMemory; ///< i32[context]
  int32_t *tokens;
  std::string note;
  std::optional<Entry> decodeEntry, prefillEntry;
};

/// Rows of the largest chunk that prefill() runs at once; 0 if the artifact is for training.
uint32_t getMaxPrefill(const Artifact &artifact);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_SESSION_H
