//===- Trainer.cpp - Runs training steps ----------------------------------===//

#include "runtime/core/Trainer.h"
#include "runtime/core/Status.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace nyala::rt {
namespace {

using artifact::ArgumentRole;

[[noreturn]] void malformed(const Artifact &artifact, const std::string &what) {
  throw Failure(NYALA_CORRUPT, "'" + artifact.getPath() + "' is no usable training step: " + what +
                                   "; compile it again");
}

/// A number among the artifact's metadata; 0 if there is none.
uint32_t findNumber(const Artifact &artifact, std::string_view key) {
  uint32_t number = 0;
  for (const artifact::KeyValue *entry : *artifact.program().metadata())
    if (entry->key()->string_view() == key) {
      const std::string_view text = entry->value()->string_view();
      std::from_chars(text.data(), text.data() + text.size(), number);
    }
  return number;
}

/// Are the arguments and results of an entry what the trainer fills and reads?
void checkEntry(const Artifact &artifact, const BoundEntry &entry, uint64_t rows,
                std::initializer_list<std::string_view> results) {
  const std::string name = "entry '" + entry.getSource().name()->str() + "'";
  bool hasTokens = false;
  for (const artifact::Argument *argument : *entry.getSource().arguments()) {
    const ArgumentRole role = argument->role();
    const uint32_t most = entry.getCounts()[argument->count()].rows;
    const uint64_t expected = role == ArgumentRole::Rate ? 1 : rows;
    if (most != expected)
      malformed(artifact, name + " has an argument '" + artifact::EnumNameArgumentRole(role) +
                              "' of " + std::to_string(most) + " rows, expected " +
                              std::to_string(expected));
    hasTokens |= role == ArgumentRole::Tokens;
  }
  if (rows > 0 && !hasTokens)
    malformed(artifact, name + " has no tokens");
  for (std::string_view result : results)
    if (!entry.findResult(result))
      malformed(artifact, name + " has no result '" + std::string(result) + "'");
}

bool isFinite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

void checkIds(std::span<const int32_t> ids, uint32_t vocabulary, const char *what) {
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || static_cast<uint32_t>(ids[i]) >= vocabulary)
      throw Failure(NYALA_INVALID_ARGUMENT,
                    std::string(what) + " " + std::to_string(i) + " is " + std::to_string(ids[i]) +
                        ", expected an id from 0 to " + std::to_string(vocabulary - 1));
}

float readNumber(BoundEntry &entry, std::string_view result) {
  return *reinterpret_cast<const float *>(entry.readResult(*entry.findResult(result), 0, 1));
}

/// Does the step update a state in place?
bool updatesState(const artifact::Step &step) {
  return step.updates() && std::ranges::any_of(*step.updates(), [&](uint32_t buffer) {
           return step.buffers()->Get(buffer)->region() == artifact::Region::State;
         });
}

} // namespace

Trainer::Trainer(const Device &device, const Options &options)
    : device(device), artifact(device.getArtifact()), batch(findNumber(artifact, "batch")),
      length(findNumber(artifact, "length")),
      executor(device.createExecutor(
          {.threads = options.threads, .sequences = std::numeric_limits<uint32_t>::max()})),
      stepEntry(executor->bind("train_step")), accumulateEntry(executor->bind("accumulate")),
      updateEntry(executor->bind("update")), evaluateEntry(executor->bind("evaluate")) {
  if (!stepEntry && !(accumulateEntry && updateEntry))
    throw Failure(NYALA_UNSUPPORTED, "'" + artifact.getPath() +
                                         "' holds no training step; expected an entry "
                                         "'train_step', or 'accumulate' and 'update'");
  const uint64_t rows = uint64_t(batch) * length;
  if (rows == 0)
    malformed(artifact, "its metadata lack 'batch' or 'length'");
  if (stepEntry)
    checkEntry(artifact, *stepEntry, rows, {"loss", "gradient_norm"});
  if (accumulateEntry)
    checkEntry(artifact, *accumulateEntry, rows, {"loss"});
  if (updateEntry)
    checkEntry(artifact, *updateEntry, 0, {"gradient_norm"});
  if (evaluateEntry)
    checkEntry(artifact, *evaluateEntry, rows, {"loss"});
  for (flatbuffers::uoffset_t i = 0; i < artifact.program().states()->size(); ++i) {
    const artifact::State &state = *artifact.program().states()->Get(i);
    if (state.slot_bytes() % sizeof(float) != 0)
      malformed(artifact, "state '" + state.name()->str() + "' is no matrix of f32");
    const uint64_t stateRows = state.sequences() * state.slots();
    const uint64_t columns = state.slot_bytes() / sizeof(float);
    auto *values = reinterpret_cast<float *>(executor->getHostState(i));
    if (!values)
      throw Failure(NYALA_UNSUPPORTED,
                    "training does not run on '" + device.getName() + "'; choose the device 'cpu'");
    states.push_back(
        {state.name()->string_view(), stateRows, columns, {values, stateRows * columns}});
  }
}

const Trainer::State *Trainer::findState(std::string_view name) const {
  const auto found = std::ranges::find(states, name, &State::name);
  return found == states.end() ? nullptr : &*found;
}

BoundEntry &Trainer::require(const std::unique_ptr<BoundEntry> &entry, const char *name) const {
  if (!entry)
    throw Failure(NYALA_UNSUPPORTED, "'" + artifact.getPath() + "' has no entry '" + name + "'");
  return *entry;
}

void Trainer::begin(const Batch &data) {
  const size_t rows = size_t(batch) * length;
  const auto checkSize = [&](size_t size, const char *what) {
    if (size != rows)
      throw Failure(NYALA_INVALID_ARGUMENT,
                    std::to_string(size) + " " + what + ", expected " + std::to_string(batch) +
                        " sequences of " + std::to_string(length) + ": " + std::to_string(rows));
  };
  checkSize(data.tokens.size(), "tokens");
  checkSize(data.targets.size(), "targets");
  checkSize(data.lossWeights.size(), "weights of rows");
  checkIds(data.tokens, artifact.program().vocabulary(), "token");
  checkIds(data.targets, artifact.program().vocabulary(), "target");
  answerCancel();
  std::ranges::copy(data.tokens, executor->getArgument<int32_t>(ArgumentRole::Tokens));
  std::ranges::copy(data.targets, executor->getArgument<int32_t>(ArgumentRole::Targets));
  std::ranges::copy(data.lossWeights, executor->getArgument<float>(ArgumentRole::LossWeights));
  auto *positions = executor->getArgument<int32_t>(ArgumentRole::Positions);
  for (size_t r = 0; r < rows; ++r)
    positions[r] = static_cast<int32_t>(r % length);
}

void Trainer::setRate(float rate) {
  if (!std::isfinite(rate))
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "the learning rate is " + std::to_string(rate) + ", expected a finite number");
  *executor->getArgument<float>(ArgumentRole::Rate) = rate;
}

void Trainer::answerCancel() {
  if (cancelled.exchange(false, std::memory_order_relaxed))
    throw Failure(NYALA_CANCELLED, "cancelled; all states are those of the last whole call");
}

Trainer::StepResult Trainer::step(const Batch &data, float rate) {
  BoundEntry &entry = require(stepEntry, "train_step");
  setRate(rate);
  begin(data);
  last = &entry;
  entry.run(nullptr, findProfile(entry), /*beside=*/nullptr);
  return {readNumber(entry, "loss"), readNumber(entry, "gradient_norm")};
}

float Trainer::accumulate(const Batch &data) {
  BoundEntry &entry = require(accumulateEntry, "accumulate");
  begin(data);
  last = &entry;
  entry.run(nullptr, findProfile(entry), /*beside=*/nullptr);
  return readNumber(entry, "loss");
}

float Trainer::update(float rate) {
  BoundEntry &entry = require(updateEntry, "update");
  setRate(rate);
  answerCancel();
  entry.run(nullptr, findProfile(entry), /*beside=*/nullptr);
  return readNumber(entry, "gradient_norm");
}

float Trainer::evaluate(const Batch &data) {
  BoundEntry &entry = require(evaluateEntry, "evaluate");
  begin(data);
  last = &entry;
  if (!entry.run(&cancelled, findProfile(entry), /*beside=*/nullptr))
    answerCancel();
  return readNumber(entry, "loss");
}

void Trainer::beginProfile() {
  profiles.clear();
  for (const auto *entry : {&stepEntry, &accumulateEntry, &updateEntry, &evaluateEntry})
    if (*entry)
      profiles.emplace_back(
          entry->get(), Profile{std::vector<Profile::Step>((*entry)->getSource().steps()->size())});
}

Profile *Trainer::findProfile(const BoundEntry &entry) {
  for (auto &[recorded, profile] : profiles)
    if (recorded == &entry)
      return &profile;
  return nullptr;
}

void Trainer::visitProfile(const ProfileCallback &visit) const {
  for (const auto &[entry, profile] : profiles)
    visit(entry->getSource(), profile);
}

std::optional<Trainer::NonFinite> Trainer::findNonFinite() {
  for (uint32_t i = 0; last && i < last->getSource().steps()->size(); ++i) {
    const artifact::Step &step = *last->getSource().steps()->Get(i);
    if (updatesState(step))
      continue;
    last->runStep(i);
    if (writesFinite(*last, i))
      continue;
    return NonFinite{findNonFiniteInput(step),
                     step.label() ? step.label()->string_view() : std::string_view(),
                     device.getKernel(step).name()->string_view(), i};
  }
  // What updates states has not been run: its values are there.
  for (const State &state : states)
    if (last && !isFinite(state.values))
      return NonFinite{state.name, {}, {}, 0};
  return std::nullopt;
}

bool Trainer::writesFinite(const BoundEntry &entry, uint32_t index) {
  const artifact::Step &step = *entry.getSource().steps()->Get(index);
  if (!step.writes() || !step.floats())
    return true;
  constexpr uint64_t pieceBytes = uint64_t(1) << 20;
  std::vector<float> piece(pieceBytes / sizeof(float));
  const uint32_t first = step.buffers()->size() - step.writes()->size();
  for (uint32_t i = 0; i < step.writes()->size(); ++i) {
    const uint64_t bytes = step.floats()->Get(i) ? step.writes()->Get(i) : 0;
    for (uint64_t done = 0; done < bytes; done += pieceBytes) {
      const auto values =
          std::span(piece).first(std::min(pieceBytes, bytes - done) / sizeof(float));
      entry.readBuffer(index, first + i, done, std::as_writable_bytes(values));
      if (!isFinite(values))
        return false;
    }
  }
  return true;
}

std::string_view Trainer::findNonFiniteInput(const artifact::Step &step) const {
  for (const artifact::Buffer *buffer : *step.buffers())
    if (buffer->region() == artifact::Region::State && !isFinite(states[buffer->index()].values))
      return states[buffer->index()].name;
  return {};
}

} // namespace nyala::rt
