//===- Session.h - Growing sequences of tokens ------------------*- C++ -*-===//
//
// docs/sessions.md says what data flows where.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_SESSION_H
#define NYALA_RUNTIME_CORE_SESSION_H

#include "runtime/core/Device.h"
#include "runtime/core/Mapping.h"
#include "runtime/text/Constraint.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nyala::rt {

/// Holds the states (KV caches) of its sequences and the memory that programs run in. All of it is
/// reserved here, so that appending tokens allocates nothing. For one thread at a time, but for
/// cancel(). Sessions share nothing that changes: each has an executor of its own.
///
/// All members but decodeBatch() and copy() work on the selected sequence, the first until another
/// is selected.
class Session {
public:
  struct Options {
    uint32_t context = 0;   ///< positions of a sequence; 0: the model's capacity
    uint32_t threads = 0;   ///< of a CPU; 0: one per usable core
    uint32_t sequences = 0; ///< 0: one
  };
  using RowCallback = void (*)(void *user, size_t index, const float *logits);

  /// The device outlives the session. NYALA_UNSUPPORTED if the artifact has no entry to evaluate
  /// tokens with (it is for training), NYALA_INVALID_ARGUMENT if an option is out of range,
  /// NYALA_OUT_OF_MEMORY if the system or the device grants no memory or threads.
  Session(const Device &device, const Options &options);

  const Device &getDevice() const { return device; }
  uint32_t getSequences() const { return static_cast<uint32_t>(sequences.size()); }
  /// NYALA_INVALID_ARGUMENT if there is no such sequence.
  void select(uint32_t sequence);
  uint32_t getSelected() const { return selected; }

  uint32_t getPosition() const { return sequences[selected].position; }
  uint32_t getContext() const { return context; }
  /// Ids of positions 0 to getPosition() - 1.
  std::span<const int32_t> getTokens() const { return {tokensOf(selected), getPosition()}; }
  /// f32[vocabulary] after the last token, or null. Memory is that of the entry's result: another
  /// evaluation writes over it. Of a GPU they are copied when first asked for: NYALA_DEVICE_FAILED.
  const float *getLogits() const;
  /// The largest of these logits, in the order of a sampler (Sampler.h): NaN is -infinity.
  struct Candidates {
    std::span<const float> logits;
    std::span<const int32_t> ids;
  };
  /// Empty if there are no logits, or the device has not selected any.
  Candidates getCandidates() const;

  /// Appends tokens in chunks, each through the smallest entry that takes what is left of them, or
  /// as many as the largest takes. Nothing is appended on failure: NYALA_INVALID_ARGUMENT (no
  /// tokens, or a token out of range), NYALA_CONTEXT_FULL, NYALA_CANCELLED.
  void prefill(std::span<const int32_t> tokens) { append(tokens, nullptr, nullptr); }
  /// The same; calls `row` with the logits after each token. NYALA_UNSUPPORTED if entries take
  /// several rows, but give the logits of one alone.
  void prefillAll(std::span<const int32_t> tokens, RowCallback row, void *user) {
    append(tokens, row, user);
  }
  /// Appends one token. Fails as prefill does, and with NYALA_INVALID_ARGUMENT if the sequence's
  /// constraint does not let it come.
  void decode(int32_t token);
  /// Appends tokens[i] to ids[i], for all of them in one run of an entry with a row for each; all
  /// have logits afterwards. Fails as decode does, and with NYALA_INVALID_ARGUMENT (no such
  /// sequence, one that comes twice, more than getMaxBatch()), NYALA_UNSUPPORTED (the entries give
  /// logits of one row alone): nothing is appended to any of them.
  void decodeBatch(std::span<const uint32_t> ids, std::span<const int32_t> tokens);
  /// Makes sequence `to` hold the first `positions` tokens of `from`, slots and all, and the logits
  /// if those are all that `from` holds. NYALA_INVALID_ARGUMENT.
  void copy(uint32_t from, uint32_t to, uint32_t positions);
  /// Makes the sequence hold `tokens` and no others. Keeps the longest common prefix with those it
  /// holds, but for the last token, which is always evaluated; returns how many it kept. Fails as
  /// prefill does; NYALA_CANCELLED leaves the kept ones.
  size_t setTokens(std::span<const int32_t> tokens);
  /// Forgets positions from `newPosition` on.
  void rollback(uint32_t newPosition);

  /// Attaches a constraint, which outlives that, to the sequence: decode() and decodeBatch()
  /// advance it, and find the next mask beside the device's work. If they fail it is where it was.
  /// What replaces the sequence's tokens (rollback, setTokens, restore, copy) detaches it. Null:
  /// none. `limit`: tokens that may still be generated. NYALA_INVALID_ARGUMENT if the constraint
  /// cannot be completed with as many, or is another sequence's.
  void setConstraint(Constraint *constraint, size_t limit);
  /// Which tokens may come next; empty: all, there is no constraint.
  std::span<const uint64_t> getMask();

  /// Makes the call that evaluates tokens, or the next one if none does, fail with NYALA_CANCELLED;
  /// one call for each cancel, or for several that come before it fails. Async-signal-safe.
  void cancel() noexcept { cancelled.store(true, std::memory_order_relaxed); }
  /// Forgets a cancel that no call has answered.
  void clearCancel() noexcept { cancelled.store(false, std::memory_order_relaxed); }

  /// Bytes that the caller keeps with the session; saved and restored.
  const std::string &getNote() const { return note; }
  void setNote(std::string bytes) { note = std::move(bytes); }
  /// Writes tokens, filled slots, logits and the session's note (SessionFile.h). NYALA_IO_ERROR.
  void save(const std::string &path) const;
  /// Takes over what save() wrote. Fails, and nothing is changed, with NYALA_NOT_FOUND,
  /// NYALA_IO_ERROR, NYALA_VERSION, NYALA_CORRUPT (no session, truncated, altered),
  /// NYALA_OTHER_MODEL, NYALA_CONTEXT_FULL. A file that can no longer be read after it was checked
  /// leaves the sequence empty.
  void restore(const std::string &path);

  /// Begins to record what steps take, from nothing.
  void beginProfile();
  /// Ends it.
  void endProfile();
  /// What was recorded of each entry so far; nothing outside begin and end.
  void visitProfile(const ProfileCallback &visit) const;

private:
  struct Entry {
    std::unique_ptr<BoundEntry> bound;
    std::unique_ptr<Profile> profile; ///< null: not recorded
    size_t rowsIndex, wantedIndex;    ///< of its counts
    uint32_t maxRows;
    uint32_t maxWanted;
    // Numbers of results.
    uint32_t logits;
    std::optional<uint32_t> topLogits, topIds;

    /// The most rows of a call; `all`: of one that gives the logits of each.
    uint32_t getCapacity(bool all) const { return all ? std::min(maxRows, maxWanted) : maxRows; }
  };

  struct Sequence {
    uint32_t position = 0;
    // Its logits, of an evaluation that others may have followed: a row of an entry's results, or
    // what was restored; none if both are null.
    const Entry *entry = nullptr;
    uint32_t row = 0;
    const float *restored = nullptr;
    uint64_t evaluation = 0; ///< number of that evaluation
    uint64_t batch = 0;      ///< number of the last batch that named it
    Constraint *constraint = nullptr;
    size_t limit = 0; ///< tokens that may still be generated under it

    void forgetLogits() {
      entry = nullptr;
      restored = nullptr;
    }
  };

  /// What decoding does with constraints.
  class Advance;

  /// Adds the entry of that name, if there is one.
  void bind(std::string_view name);
  /// Is there such a sequence? Throws if not, as all checks do.
  void checkSequence(uint32_t sequence) const;
  /// In the message "what number" is the token.
  void checkToken(int32_t token, const char *what, size_t number) const;
  /// Have `count` more tokens room in the sequence at position `start`?
  void checkRoom(size_t count, uint32_t sequence, uint32_t start) const;
  /// Can `newTokens` be appended to the selected sequence at `start`?
  void check(std::span<const int32_t> newTokens, uint32_t start) const;
  /// Can the logits of all tokens be had?
  void checkAllRows() const;
  void checkBatch(std::span<const uint32_t> ids, std::span<const int32_t> newTokens);
  void append(std::span<const int32_t> newTokens, RowCallback row, void *user,
              WorkBeside *beside = nullptr);
  /// Runs one chunk whose first token is `done` behind the position, with the logits of its last
  /// `wanted` rows. Throws NYALA_CANCELLED.
  void runChunk(Entry &entry, std::span<const int32_t> chunk, size_t done, uint32_t wanted,
                WorkBeside *beside);
  /// Sets the arguments of a row.
  void setRow(uint32_t row, int32_t token, uint32_t sequence, uint32_t position);
  /// False if it was cancelled; the cancel is then answered.
  bool run(Entry &entry, const CountValue &rows, const CountValue &wanted, WorkBeside *beside);
  /// From now on no sequence has logits, until the evaluation that begins gives them to it.
  void beginEvaluation() { ++evaluation; }
  void setLogits(Sequence &sequence, const Entry *entry, uint32_t row) const {
    sequence.entry = entry;
    sequence.row = row;
    sequence.restored = nullptr;
    sequence.evaluation = evaluation;
  }
  /// Row `row` of the logits that the entry has computed, behind it `count - 1` others.
  const float *readLogits(const Entry &entry, uint32_t row, uint32_t count) const {
    return reinterpret_cast<const float *>(entry.bound->readResult(entry.logits, row, count));
  }
  int32_t *tokensOf(uint32_t sequence) const { return tokens + size_t(sequence) * context; }
  /// Calls `body` with each state's index, the first byte of a sequence's slots and the bytes of
  /// `positions` slots, in the order of the file.
  template <typename Body>
  void forEachState(uint32_t sequence, uint32_t positions, const Body &body) const {
    for (uint32_t i : states) {
      const artifact::State &state = *artifact.program().states()->Get(i);
      body(i, sequence * state.slots() * state.slot_bytes(), positions * state.slot_bytes());
    }
  }
  /// The smallest entry that takes as many rows (and gives the logits of all of them), else the one
  /// that takes most.
  Entry &choose(size_t rows, bool all);
  /// Rows of the largest call.
  uint32_t getMaxRows(bool all) const;

  const Device &device;
  const Artifact &artifact;
  uint32_t context;
  std::vector<Sequence> sequences;
  uint32_t selected = 0;
  uint64_t evaluation = 1, batch = 0; ///< numbers of the last ones
  std::atomic<bool> cancelled = false;
  static_assert(std::atomic<bool>::is_always_lock_free);

  std::unique_ptr<Executor> executor;
  std::vector<uint32_t> states; ///< indices of those that the device's entries use
  Mapping tokenMemory;          ///< i32[sequences][context]
  int32_t *tokens;
  Mapping restoredLogits; ///< f32[vocabulary]
  std::string note;
  std::vector<Entry> entries; ///< at least one, those of few rows first
};

/// Rows of the largest chunk that prefill() runs at once; 0 if the artifact is for training.
uint32_t getMaxPrefill(const Device &device);
/// Sequences that one step can decode; 0 if the artifact is for training.
uint32_t getMaxBatch(const Device &device);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_SESSION_H
