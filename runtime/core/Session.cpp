//===- Session.cpp - One growing sequence of tokens -----------------------===//

#include "runtime/core/Session.h"
#include "runtime/core/Status.h"

#include <algorithm>

namespace nyala::rt {

static uint32_t chooseContext(const Artifact &artifact, uint32_t asked) {
  if (!servesSessions(artifact.program()))
    throw Failure(
        NYALA_UNSUPPORTED,
        "'" + artifact.getPath() +
            "' holds a training step and cannot evaluate tokens; compile the model itself "
            "with nyala-compile");
  return chooseOption(asked, artifact.program().context(), artifact.program().context(), "context");
}

uint32_t getMaxPrefill(const Artifact &artifact) {
  const artifact::Entry *entry = artifact.findEntry("prefill");
  if (!entry)
    entry = artifact.findEntry("decode");
  return entry ? entry->counts()->Get(findCount(*entry, "rows"))->max() : 0;
}

Session::Session(const Artifact &artifact, const CpuImage &image, const Options &options)
    : pool(chooseThreads(options.threads)), artifact(artifact),
      context(chooseContext(artifact, options.context)), memory(artifact, image, pool.size()),
      tokenMemory(Mapping::reserve(context * sizeof(int32_t), "the tokens")),
      tokens(reinterpret_cast<int32_t *>(tokenMemory.data())), decodeEntry(bind("decode")),
      prefillEntry(bind("prefill")) {}

std::optional<Session::Entry> Session::bind(std::string_view name) {
  std::optional<BoundEntry> entry = memory.bind(name);
  if (!entry)
    return std::nullopt;
  const auto rows = static_cast<size_t>(findCount(*entry->source, "rows"));
  const auto wanted = static_cast<size_t>(findCount(*entry->source, "wanted"));
  const uint32_t maxRows = entry->counts[rows].rows, maxWanted = entry->counts[wanted].rows;
  auto *entryLogits = reinterpret_cast<float *>(entry->findResult("logits"));
  return Entry{std::move(*entry), nullptr, rows, wanted, maxRows, maxWanted, entryLogits};
}

void Session::check(std::span<const int32_t> newTokens, uint32_t start) const {
  if (newTokens.empty())
    throw Failure(NYALA_INVALID_ARGUMENT, "no tokens to append, expected at least one");
  const uint32_t vocabulary = artifact.program().vocabulary();
  for (size_t i = 0; i < newTokens.size(); ++i)
    if (newTokens[i] < 0 || static_cast<uint32_t>(newTokens[i]) >= vocabulary)
      throw Failure(NYALA_INVALID_ARGUMENT,
                    "token " + std::to_string(i) + " is " + std::to_string(newTokens[i]) +
                        ", expected an id from 0 to " + std::to_string(vocabulary - 1));
  if (newTokens.size() > context - start)
    throw Failure(NYALA_CONTEXT_FULL,
                  "the context is full: " + std::to_string(newTokens.size()) +
                      " tokens at position " + std::to_string(start) + " of " +
                      std::to_string(context) +
                      "; roll back, or use a session with a longer context (this model: at most " +
                      std::to_string(artifact.program().context()) + ")");
}

/// A bound of several rows below the entry's is met by smaller chunks; of a bound of one row this
/// would make decoding of a prefill, which nobody who asked for a short one expects.
void Session::checkAllRows() {
  const Entry &entry = getPrefill();
  if (entry.maxWanted == 1 && entry.maxRows > 1)
    throw Failure(NYALA_UNSUPPORTED,
                  "logits of every token of a prompt were asked for, but this model computes those "
                  "of the last one alone; compile it without --skip-prefill-tail");
}

void Session::runChunk(Entry &entry, std::span<const int32_t> chunk, size_t done, uint32_t wanted) {
  const auto array = [&](artifact::ArgumentRole role) { return memory.getArgument<int32_t>(role); };
  const auto rows = static_cast<uint32_t>(chunk.size());
  const auto start = static_cast<int32_t>(position + done);
  std::copy(chunk.begin(), chunk.end(), array(artifact::ArgumentRole::Tokens));
  for (uint32_t i = 0; i < rows; ++i) {
    array(artifact::ArgumentRole::Positions)[i] = start + static_cast<int32_t>(i);
    array(artifact::ArgumentRole::Slots)[i] = start + static_cast<int32_t>(i);
    array(artifact::ArgumentRole::Sequences)[i] = 0;
  }
  for (uint32_t i = 0; i < wanted; ++i)
    array(artifact::ArgumentRole::Wanted)[i] = static_cast<int32_t>(rows - wanted + i);
  // Row i attends to start + i positions before it and to its own.
  const auto upTo = [&](uint64_t count) { return count * start + count * (count + 1) / 2; };
  entry.counts[entry.rowsIndex] = {rows, upTo(rows)};
  entry.counts[entry.wantedIndex] = {wanted, upTo(rows) - upTo(rows - wanted)};
  if (!entry.program.run(pool, memory.getScratch(), entry.counts, &cancelled,
                         entry.profile.get())) {
    clearCancel();
    throw Failure(NYALA_CANCELLED, "cancelled at position " + std::to_string(start) +
                                       "; the session is at " + std::to_string(position));
  }
}

void Session::append(std::span<const int32_t> newTokens, RowCallback row, void *user) {
  check(newTokens, position);
  if (row)
    checkAllRows();
  const uint32_t vocabulary = artifact.program().vocabulary();
  const float *last = nullptr;
  logits = nullptr;
  for (size_t done = 0; done < newTokens.size();) {
    const size_t left = newTokens.size() - done;
    Entry &entry = left == 1 ? getDecode() : getPrefill();
    const auto rows = static_cast<uint32_t>(
        std::min<size_t>(left, row ? std::min(entry.maxRows, entry.maxWanted) : entry.maxRows));
    const uint32_t wanted = row ? rows : left == rows ? 1 : 0;
    runChunk(entry, newTokens.subspan(done, rows), done, wanted);
    for (uint32_t i = 0; row && i < rows; ++i)
      row(user, done + i, entry.logits + size_t(i) * vocabulary);
    if (wanted > 0)
      last = entry.logits + size_t(wanted - 1) * vocabulary;
    done += rows;
  }
  // Only now, so that a failure (or an exception from `row`) appends nothing.
  std::copy(newTokens.begin(), newTokens.end(), tokens + position);
  position += static_cast<uint32_t>(newTokens.size());
  logits = last;
}

void Session::decode(int32_t token) { append({&token, 1}, nullptr, nullptr); }

size_t Session::setTokens(std::span<const int32_t> newTokens) {
  check(newTokens, 0);
  const size_t most = std::min<size_t>(newTokens.size() - 1, position);
  const size_t kept = std::mismatch(tokens, tokens + most, newTokens.begin()).first - tokens;
  rollback(static_cast<uint32_t>(kept));
  append(newTokens.subspan(kept), nullptr, nullptr);
  return kept;
}

void Session::beginProfile() {
  for (std::optional<Entry> *entry : {&decodeEntry, &prefillEntry})
    if (*entry)
      (*entry)->profile = std::make_unique<CpuProfile>(
          CpuProfile{std::vector<CpuProfile::Step>((*entry)->source->steps()->size()),
                     std::vector<CpuProfile::Worker>(pool.size())});
}

void Session::endProfile() {
  for (std::optional<Entry> *entry : {&decodeEntry, &prefillEntry})
    if (*entry)
      (*entry)->profile.reset();
}

void Session::visitProfile(const ProfileCallback &visit) const {
  for (const std::optional<Entry> *entry : {&decodeEntry, &prefillEntry})
    if (*entry && (*entry)->profile)
      visit(*(*entry)->source, *(*entry)->profile);
}

void Session::rollback(uint32_t newPosition) {
  if (newPosition > position)
    throw Failure(NYALA_INVALID_ARGUMENT, "cannot roll back to position " +
                                              std::to_string(newPosition) + ": the session is at " +
                                              std::to_string(position));
  position = newPosition;
  logits = nullptr;
}

std::vector<std::span<std::byte>> Session::getSlots(uint32_t positions) const {
  const std::span<std::byte *const> states = memory.getStates();
  std::vector<std::span<std::byte>> slots;
  slots.reserve(states.size());
  for (size_t i = 0; i < states.size(); ++i)
    slots.emplace_back(states[i], positions * artifact.program().states()->Get(i)->slot_bytes());
  return slots;
}

} // namespace nyala::rt
