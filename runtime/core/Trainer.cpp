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
  const std::string name = "entry '" + entry.source->name()->str() + "'";
  bool hasTokens = false;
  for (const artifact::Argument *argument : *entry.source->arguments()) {
    const ArgumentRole role = argument->role();
    const uint32_t most = entry.counts[argument->count()].rows;
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

float readNumber(const BoundEntry &entry, std::string_view result) {
  return *reinterpret_cast<const float *>(entry.findResult(result));
}

/// Does the step update a state in place?
bool updatesState(const artifact::Step &step) {
  return step.updates() && std::ranges::any_of(*step.updates(), [&](uint32_t buffer) {
           return step.buffers()->Get(buffer)->region() == artifact::Region::State;
         });
}

} // namespace

Trainer::Trainer(const Artifact &artifact, const CpuImage &image, const Options &options)
    : pool(chooseThreads(options.threads)), artifact(artifact),
      batch(findNumber(artifact, "batch")), length(findNumber(artifact, "length")),
      memory(artifact, image, pool.size(), std::numeric_limits<uint32_t>::max()),
      stepEntry(memory.bind("train_step")), accumulateEntry(memory.bind("accumulate")),
      updateEntry(memory.bind("update")), evaluateEntry(memory.bind("evaluate")) {
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
    auto *values = reinterpret_cast<float *>(memory.getStates()[i]);
    states.push_back(
        {state.name()->string_view(), stateRows, columns, {values, stateRows * columns}});
  }
}

const Trainer::State *Trainer::findState(std::string_view name) const {
  const auto found = std::ranges::find(states, name, &State::name);
  return found == states.end() ? nullptr : &*found;
}

const BoundEntry &Trainer::require(const std::optional<BoundEntry> &entry, const char *name) const {
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
  std::ranges::copy(data.tokens, memory.getArgument<int32_t>(ArgumentRole::Tokens));
  std::ranges::copy(data.targets, memory.getArgument<int32_t>(ArgumentRole::Targets));
  std::ranges::copy(data.lossWeights, memory.getArgument<float>(ArgumentRole::LossWeights));
  auto *positions = memory.getArgument<int32_t>(ArgumentRole::Positions);
  for (size_t r = 0; r < rows; ++r)
    positions[r] = static_cast<int32_t>(r % length);
}

void Trainer::setRate(float rate) {
  if (!std::isfinite(rate))
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "the learning rate is " + std::to_string(rate) + ", expected a finite number");
  *memory.getArgument<float>(ArgumentRole::Rate) = rate;
}

void Trainer::answerCancel() {
  if (cancelled.exchange(false, std::memory_order_relaxed))
    throw Failure(NYALA_CANCELLED, "cancelled; all states are those of the last whole call");
}

void Trainer::run(const BoundEntry &entry) {
  entry.program.run(pool, memory.getScratch(), entry.counts, nullptr, nullptr);
}

Trainer::StepResult Trainer::step(const Batch &data, float rate) {
  const BoundEntry &entry = require(stepEntry, "train_step");
  setRate(rate);
  begin(data);
  last = &entry;
  run(entry);
  return {readNumber(entry, "loss"), readNumber(entry, "gradient_norm")};
}

float Trainer::accumulate(const Batch &data) {
  const BoundEntry &entry = require(accumulateEntry, "accumulate");
  begin(data);
  last = &entry;
  run(entry);
  return readNumber(entry, "loss");
}

float Trainer::update(float rate) {
  const BoundEntry &entry = require(updateEntry, "update");
  setRate(rate);
  answerCancel();
  run(entry);
  return readNumber(entry, "gradient_norm");
}

float Trainer::evaluate(const Batch &data) {
  const BoundEntry &entry = require(evaluateEntry, "evaluate");
  begin(data);
  last = &entry;
  if (!entry.program.run(pool, memory.getScratch(), entry.counts, &cancelled, nullptr))
    answerCancel();
  return readNumber(entry, "loss");
}

std::optional<Trainer::NonFinite> Trainer::findNonFinite() {
  for (uint32_t i = 0; last && i < last->source->steps()->size(); ++i) {
    const artifact::Step &step = *last->source->steps()->Get(i);
    if (updatesState(step))
      continue;
    last->program.runStep(i, pool, memory.getScratch(), last->counts, nullptr);
    if (writesFinite(step, last->program.getBuffers(i)))
      continue;
    const artifact::Kernel &kernel =
        *artifact.program().executables()->Get(0)->kernels()->Get(step.kernel());
    return NonFinite{findNonFiniteInput(step),
                     step.label() ? step.label()->string_view() : std::string_view(),
                     kernel.name()->string_view(), i};
  }
  // What updates states has not been run: its values are there.
  for (const State &state : states)
    if (last && !isFinite(state.values))
      return NonFinite{state.name, {}, {}, 0};
  return std::nullopt;
}

bool Trainer::writesFinite(const artifact::Step &step, void *const *buffers) {
  if (!step.writes() || !step.floats())
    return true;
  const uint32_t first = step.buffers()->size() - step.writes()->size();
  for (uint32_t i = 0; i < step.writes()->size(); ++i) {
    const auto *values = static_cast<const float *>(buffers[first + i]);
    if (step.floats()->Get(i) && !isFinite({values, step.writes()->Get(i) / sizeof(float)}))
      return false;
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
