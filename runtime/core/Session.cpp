//===- Session.cpp - Growing sequences of tokens --------------------------===//

#include "runtime/core/Session.h"
#include "runtime/core/Status.h"

#include <algorithm>
#include <utility>

namespace nyala::rt {

static uint32_t chooseContext(const Device &device, uint32_t asked) {
  const Artifact &artifact = device.getArtifact();
  if (getMaxPrefill(device) == 0)
    throw Failure(
        NYALA_UNSUPPORTED,
        "'" + artifact.getPath() +
            "' holds a training step and cannot evaluate tokens; compile the model itself "
            "with nyala-compile");
  return chooseOption(asked, artifact.program().context(), artifact.program().context(), "context");
}

/// Of the device's entries that sessions run, the most that `capacity` says of any.
template <typename Capacity>
static uint32_t findMost(const Device &device, const Capacity &capacity) {
  uint32_t most = 0;
  for (std::string_view name : sessionEntries)
    if (const artifact::Entry *entry = device.getArtifact().findEntry(name, device.getTarget()))
      most = std::max(most, capacity(entry->counts()->Get(findCount(*entry, "rows"))->max(),
                                     entry->counts()->Get(findCount(*entry, "wanted"))->max()));
  return most;
}

uint32_t getMaxPrefill(const Device &device) {
  return findMost(device, [](uint32_t rows, uint32_t) { return rows; });
}

uint32_t getMaxBatch(const Device &device) {
  return findMost(device, [](uint32_t rows, uint32_t wanted) { return std::min(rows, wanted); });
}

static uint32_t chooseSequences(const Artifact &artifact, uint32_t asked) {
  const uint32_t most = getMaxSequences(artifact.program());
  if (asked > most)
    throw Failure(NYALA_INVALID_ARGUMENT, "sequences: expected 1 to " + std::to_string(most) +
                                              ", or 0 for 1; got " + std::to_string(asked) +
                                              "; compile the model with --sequences=" +
                                              std::to_string(asked) + " for as many");
  return std::max(asked, 1U);
}

Session::Session(const Device &device, const Options &options)
    : device(device), artifact(device.getArtifact()),
      context(chooseContext(device, options.context)),
      sequences(chooseSequences(artifact, options.sequences)),
      executor(device.createExecutor({options.threads, getSequences(), context})),
      states(getSessionStates(artifact.program(), device.getTarget())),
      tokenMemory(Mapping::reserve(sequences.size() * context * sizeof(int32_t), "the tokens")),
      tokens(reinterpret_cast<int32_t *>(tokenMemory.data())),
      restoredLogits(Mapping::reserve(artifact.program().vocabulary() * sizeof(float),
                                      "the logits of a saved session")) {
  for (std::string_view name : sessionEntries)
    bind(name);
}

void Session::bind(std::string_view name) {
  std::unique_ptr<BoundEntry> bound = executor->bind(name);
  if (!bound)
    return;
  const auto rows = static_cast<size_t>(findCount(bound->getSource(), "rows"));
  const auto wanted = static_cast<size_t>(findCount(bound->getSource(), "wanted"));
  const uint32_t maxRows = bound->getCounts()[rows].rows,
                 maxWanted = bound->getCounts()[wanted].rows;
  // checkStructure() has seen to it that there are logits, and ids with their values.
  const uint32_t logits = bound->findResult("logits").value();
  const auto topLogits = bound->findResult("top_logits"), topIds = bound->findResult("top_ids");
  entries.push_back(
      {std::move(bound), nullptr, rows, wanted, maxRows, maxWanted, logits, topLogits, topIds});
}

Session::Entry &Session::choose(size_t rows, bool all) {
  Entry *chosen = &entries.front();
  for (Entry &entry : entries)
    if (chosen->getCapacity(all) < rows && chosen->getCapacity(all) < entry.getCapacity(all))
      chosen = &entry;
  return *chosen;
}

uint32_t Session::getMaxRows(bool all) const {
  uint32_t most = 0;
  for (const Entry &entry : entries)
    most = std::max(most, entry.getCapacity(all));
  return most;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

void Session::checkSequence(uint32_t sequence) const {
  if (sequence >= sequences.size())
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "there is no sequence " + std::to_string(sequence) + ", expected 0 to " +
                      std::to_string(sequences.size() - 1) +
                      "; create the session with more sequences (this model: at most " +
                      std::to_string(getMaxSequences(artifact.program())) + ")");
}

void Session::checkToken(int32_t token, const char *what, size_t number) const {
  const uint32_t vocabulary = artifact.program().vocabulary();
  if (token < 0 || static_cast<uint32_t>(token) >= vocabulary)
    throw Failure(NYALA_INVALID_ARGUMENT, std::string(what) + " " + std::to_string(number) +
                                              " is " + std::to_string(token) +
                                              ", expected an id from 0 to " +
                                              std::to_string(vocabulary - 1));
}

void Session::checkRoom(size_t count, uint32_t sequence, uint32_t start) const {
  if (count <= context - start)
    return;
  const std::string whose = sequences.size() > 1 ? " of sequence " + std::to_string(sequence) : "";
  throw Failure(NYALA_CONTEXT_FULL,
                "the context" + whose + " is full: " + std::to_string(count) +
                    " tokens at position " + std::to_string(start) + " of " +
                    std::to_string(context) +
                    "; roll back, or use a session with a longer context (this model: at most " +
                    std::to_string(artifact.program().context()) + ")");
}

void Session::check(std::span<const int32_t> newTokens, uint32_t start) const {
  if (newTokens.empty())
    throw Failure(NYALA_INVALID_ARGUMENT, "no tokens to append, expected at least one");
  for (size_t i = 0; i < newTokens.size(); ++i)
    checkToken(newTokens[i], "token", i);
  checkRoom(newTokens.size(), selected, start);
}

/// A bound of several rows below the entry's is met by smaller chunks; of a bound of one row this
/// would make decoding of a prefill, which nobody who asked for a short one expects.
void Session::checkAllRows() const {
  if (getMaxRows(true) == 1 && getMaxRows(false) > 1)
    throw Failure(NYALA_UNSUPPORTED,
                  "logits of every token of a prompt were asked for, but this model computes those "
                  "of the last one alone; compile it without --skip-prefill-tail");
}

void Session::checkBatch(std::span<const uint32_t> ids, std::span<const int32_t> newTokens) {
  if (ids.empty())
    throw Failure(NYALA_INVALID_ARGUMENT, "no sequences to decode, expected at least one");
  ++batch;
  for (size_t i = 0; i < ids.size(); ++i) {
    checkSequence(ids[i]);
    Sequence &sequence = sequences[ids[i]];
    if (std::exchange(sequence.batch, batch) == batch)
      throw Failure(NYALA_INVALID_ARGUMENT, "sequence " + std::to_string(ids[i]) +
                                                " comes twice, expected each at most once in a "
                                                "step");
    checkToken(newTokens[i], "the token of sequence", ids[i]);
    checkRoom(1, ids[i], sequence.position);
  }
  const uint32_t most = getMaxRows(true);
  if (ids.size() <= most)
    return;
  if (most == 1 && getMaxRows(false) > 1)
    throw Failure(NYALA_UNSUPPORTED,
                  "logits of several sequences were asked for in one step, but this model computes "
                  "those of one row alone; compile it without --skip-prefill-tail");
  throw Failure(NYALA_INVALID_ARGUMENT,
                "a step of " + std::to_string(ids.size()) + " sequences, expected at most " +
                    std::to_string(most) +
                    "; decode them in several steps, or compile the model with larger "
                    "--prefill-rows");
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

const float *Session::getLogits() const {
  const Sequence &sequence = sequences[selected];
  if (sequence.evaluation != evaluation)
    return nullptr;
  return sequence.entry ? readLogits(*sequence.entry, sequence.row, 1) : sequence.restored;
}

Session::Candidates Session::getCandidates() const {
  const Sequence &sequence = sequences[selected];
  const Entry *entry = sequence.entry;
  if (sequence.evaluation != evaluation || !entry || !entry->topIds)
    return {};
  const uint64_t bytes = entry->bound->getSource().results()->Get(*entry->topIds)->row_bytes();
  const auto read = [&](uint32_t result) {
    return entry->bound->readResult(result, sequence.row, 1);
  };
  return {{reinterpret_cast<const float *>(read(*entry->topLogits)), bytes / sizeof(float)},
          {reinterpret_cast<const int32_t *>(read(*entry->topIds)), bytes / sizeof(int32_t)}};
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

void Session::select(uint32_t sequence) {
  checkSequence(sequence);
  selected = sequence;
}

void Session::setRow(uint32_t row, int32_t token, uint32_t sequence, uint32_t position) {
  const auto set = [&](artifact::ArgumentRole role, auto value) {
    executor->getArgument<int32_t>(role)[row] = static_cast<int32_t>(value);
  };
  set(artifact::ArgumentRole::Tokens, token);
  set(artifact::ArgumentRole::Sequences, sequence);
  set(artifact::ArgumentRole::Positions, position);
  set(artifact::ArgumentRole::Slots, position);
}

bool Session::run(Entry &entry, const CountValue &rows, const CountValue &wanted,
                  WorkBeside *beside) {
  entry.bound->getCounts()[entry.rowsIndex] = rows;
  entry.bound->getCounts()[entry.wantedIndex] = wanted;
  if (entry.bound->run(&cancelled, entry.profile.get(), beside))
    return true;
  clearCancel();
  return false;
}

void Session::runChunk(Entry &entry, std::span<const int32_t> chunk, size_t done, uint32_t wanted,
                       WorkBeside *beside) {
  const auto rows = static_cast<uint32_t>(chunk.size());
  const auto start = static_cast<uint32_t>(getPosition() + done);
  for (uint32_t i = 0; i < rows; ++i)
    setRow(i, chunk[i], selected, start + i);
  for (uint32_t i = 0; i < wanted; ++i)
    executor->getArgument<int32_t>(artifact::ArgumentRole::Wanted)[i] =
        static_cast<int32_t>(rows - wanted + i);
  // Row i attends to start + i positions before it and to its own.
  const auto upTo = [&](uint64_t count) { return count * start + count * (count + 1) / 2; };
  if (!run(entry, {rows, upTo(rows)}, {wanted, upTo(rows) - upTo(rows - wanted)}, beside))
    throw Failure(NYALA_CANCELLED, "cancelled at position " + std::to_string(start) +
                                       "; the session is at " + std::to_string(getPosition()));
}

void Session::append(std::span<const int32_t> newTokens, RowCallback row, void *user,
                     WorkBeside *beside) {
  check(newTokens, getPosition());
  if (row)
    checkAllRows();
  const uint32_t vocabulary = artifact.program().vocabulary();
  const Entry *last = nullptr;
  uint32_t lastRow = 0;
  beginEvaluation();
  for (size_t done = 0; done < newTokens.size();) {
    const size_t left = newTokens.size() - done;
    Entry &entry = choose(left, row);
    const auto rows = static_cast<uint32_t>(std::min<size_t>(left, entry.getCapacity(row)));
    const uint32_t wanted = row ? rows : left == rows ? 1 : 0;
    runChunk(entry, newTokens.subspan(done, rows), done, wanted, beside);
    const float *logits = row ? readLogits(entry, 0, rows) : nullptr;
    for (uint32_t i = 0; row && i < rows; ++i)
      row(user, done + i, logits + size_t(i) * vocabulary);
    if (wanted > 0) {
      last = &entry;
      lastRow = wanted - 1;
    }
    done += rows;
  }
  // Only now, so that a failure (or an exception from `row`) appends nothing.
  Sequence &sequence = sequences[selected];
  std::copy(newTokens.begin(), newTokens.end(), tokensOf(selected) + sequence.position);
  sequence.position += static_cast<uint32_t>(newTokens.size());
  setLogits(sequence, last, lastRow);
}

size_t Session::setTokens(std::span<const int32_t> newTokens) {
  check(newTokens, 0);
  const int32_t *held = tokensOf(selected);
  const size_t most = std::min<size_t>(newTokens.size() - 1, getPosition());
  const size_t kept = std::mismatch(held, held + most, newTokens.begin()).first - held;
  rollback(static_cast<uint32_t>(kept));
  append(newTokens.subspan(kept), nullptr, nullptr);
  return kept;
}

void Session::copy(uint32_t from, uint32_t to, uint32_t positions) {
  checkSequence(from);
  checkSequence(to);
  const Sequence &source = sequences[from];
  if (positions > source.position)
    throw Failure(NYALA_INVALID_ARGUMENT, "cannot copy " + std::to_string(positions) +
                                              " positions: sequence " + std::to_string(from) +
                                              " is at " + std::to_string(source.position));
  const bool isWhole = positions == source.position;
  Sequence &target = sequences[to];
  if (from != to) {
    forEachState(from, positions, [&](uint32_t index, uint64_t offset, uint64_t bytes) {
      const artifact::State &state = *artifact.program().states()->Get(index);
      executor->copyState(index, offset, to * state.slots() * state.slot_bytes(), bytes);
    });
    std::copy_n(tokensOf(from), positions, tokensOf(to));
    target.entry = source.entry;
    target.row = source.row;
    target.restored = source.restored;
    target.evaluation = source.evaluation;
  }
  target.position = positions;
  target.constraint = nullptr;
  if (!isWhole)
    target.forgetLogits();
}

//===----------------------------------------------------------------------===//
// Profiles and states
//===----------------------------------------------------------------------===//

void Session::beginProfile() {
  for (Entry &entry : entries)
    entry.profile = std::make_unique<Profile>(
        Profile{std::vector<Profile::Step>(entry.bound->getSource().steps()->size())});
}

void Session::endProfile() {
  for (Entry &entry : entries)
    entry.profile.reset();
}

void Session::visitProfile(const ProfileCallback &visit) const {
  for (const Entry &entry : entries)
    if (entry.profile)
      visit(entry.bound->getSource(), *entry.profile);
}

void Session::rollback(uint32_t newPosition) {
  Sequence &sequence = sequences[selected];
  if (newPosition > sequence.position)
    throw Failure(NYALA_INVALID_ARGUMENT, "cannot roll back to position " +
                                              std::to_string(newPosition) + ": the session is at " +
                                              std::to_string(sequence.position));
  sequence.position = newPosition;
  sequence.constraint = nullptr;
  sequence.forgetLogits();
}

} // namespace nyala::rt
