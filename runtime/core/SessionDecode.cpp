//===- SessionDecode.cpp - Steps of one token a sequence ------------------===//

#include "runtime/core/Session.h"
#include "runtime/core/Status.h"

#include <algorithm>

namespace nyala::rt {

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

void Session::setConstraint(Constraint *constraint, size_t limit) {
  Sequence &own = sequences[selected];
  if (constraint) {
    for (uint32_t other = 0; other < sequences.size(); ++other)
      if (other != selected && sequences[other].constraint == constraint)
        throw Failure(NYALA_INVALID_ARGUMENT, "the constraint is attached to sequence " +
                                                  std::to_string(other) +
                                                  "; make another, or detach it there");
    const size_t left = std::min<size_t>(limit, context - own.position);
    if (const size_t least = constraint->getLeast(); least > left)
      throw Failure(NYALA_INVALID_ARGUMENT,
                    "what the constraint has open takes " + std::to_string(least) +
                        " tokens to complete, but only " + std::to_string(left) + " are left");
  }
  own.constraint = constraint;
  own.limit = limit;
}

std::span<const uint64_t> Session::getMask() {
  const Sequence &own = sequences[selected];
  if (!own.constraint)
    return {};
  return own.constraint->mask(std::min<size_t>(own.limit, context - own.position));
}

/// Takes the tokens of a step into the constraints of their sequences, and takes them back unless
/// they are evaluated.
class Session::Advance final : public WorkBeside {
public:
  Advance(Session &session, std::span<const uint32_t> ids) : session(session), ids(ids) {}
  Advance(const Advance &) = delete;
  Advance &operator=(const Advance &) = delete;
  ~Advance() {
    for (; !kept && advanced > 0; --advanced)
      if (Constraint *constraint = session.sequences[ids[advanced - 1]].constraint)
        constraint->undo();
  }

  /// The step has been checked. Throws if a token may not come.
  void take(std::span<const int32_t> tokens) {
    for (; advanced < ids.size(); ++advanced) {
      Constraint *constraint = session.sequences[ids[advanced]].constraint;
      if (!constraint)
        continue;
      any = true;
      if (!constraint->advance(tokens[advanced]))
        throw Failure(NYALA_INVALID_ARGUMENT, "token " + std::to_string(tokens[advanced]) +
                                                  " may not come next in sequence " +
                                                  std::to_string(ids[advanced]) +
                                                  " by its constraint; pick one of its mask, or "
                                                  "detach it");
    }
  }

  /// Null: there is nothing to do beside the step.
  WorkBeside *getWork() { return any ? this : nullptr; }

  /// The masks behind the tokens.
  void work() noexcept override {
    for (uint32_t id : ids)
      if (const Sequence &sequence = session.sequences[id]; sequence.constraint) {
        try {
          sequence.constraint->mask(
              std::min<size_t>(takeOne(sequence.limit), session.context - sequence.position - 1));
        } catch (const std::exception &) {
          // Whoever asks for the mask is told.
        }
      }
  }

  void keep() {
    kept = true;
    for (uint32_t id : ids)
      session.sequences[id].limit = takeOne(session.sequences[id].limit);
  }

private:
  static size_t takeOne(size_t limit) { return limit == 0 ? 0 : limit - 1; }

  Session &session;
  std::span<const uint32_t> ids;
  size_t advanced = 0; ///< of ids
  bool any = false;    ///< is there a constraint?
  bool kept = false;
};

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

void Session::decode(int32_t token) {
  check({&token, 1}, getPosition());
  const uint32_t id = selected;
  Advance advance(*this, {&id, 1});
  advance.take({&token, 1});
  append({&token, 1}, nullptr, nullptr, advance.getWork());
  advance.keep();
}

void Session::decodeBatch(std::span<const uint32_t> ids, std::span<const int32_t> newTokens) {
  checkBatch(ids, newTokens);
  Entry &entry = choose(ids.size(), true);
  const auto rows = static_cast<uint32_t>(ids.size());
  uint64_t positions = 0; // that rows attend to
  for (uint32_t i = 0; i < rows; ++i) {
    const uint32_t position = sequences[ids[i]].position;
    setRow(i, newTokens[i], ids[i], position);
    executor->getArgument<int32_t>(artifact::ArgumentRole::Wanted)[i] = static_cast<int32_t>(i);
    positions += position + 1;
  }
  Advance advance(*this, ids);
  advance.take(newTokens);
  beginEvaluation();
  if (!run(entry, {rows, positions}, {rows, positions}, advance.getWork()))
    throw Failure(NYALA_CANCELLED, "cancelled a step of " + std::to_string(rows) +
                                       " sequences; all are where they were");
  for (uint32_t i = 0; i < rows; ++i) {
    Sequence &sequence = sequences[ids[i]];
    tokensOf(ids[i])[sequence.position++] = newTokens[i];
    setLogits(sequence, &entry, i);
  }
  advance.keep();
}

} // namespace nyala::rt
