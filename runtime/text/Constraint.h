//===- Constraint.h - Which tokens may come next ----------------*- C++ -*-===//
//
// What a decode loop asks of a constraint on the text that it generates:
//
//   while (left > 0) {
//     evaluate the last token, beside it: allowed = constraint.mask(left)
//     pick a token among the allowed
//     if it ends the generation: break
//     constraint.advance(token); --left
//   }
//
// Not only references into data (runtime/grounding): a list of choices or a JSON
// schema are constraints, too.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_CONSTRAINT_H
#define NYALA_RUNTIME_TEXT_CONSTRAINT_H

#include <cstddef>
#include <cstdint>
#include <span>

namespace nyala::rt {

/// The state of one generation. Belongs to one thread at a time.
class Constraint {
public:
  virtual ~Constraint() = default;

  /// The tokens that may come next: bit id % 64 of word id / 64, for each id of the vocabulary;
  /// valid until the next call. `left`: how many tokens may still be generated, this one among
  /// them. A token after which the rest would not do to complete what has to be completed is not
  /// among them. As long as tokens were picked from masks with a `left` that fell by one each time,
  /// and getLeast() was at most `left` at first, there is always one that may come; but none where
  /// a text is complete and the vocabulary has no token to end it with. Does not allocate.
  virtual std::span<const uint64_t> mask(size_t left) = 0;

  /// Takes the token that was picked, whatever was left. False if it may not come here, which
  /// changes nothing. Tokens that end a generation are not taken: whoever picks one stops.
  virtual bool advance(int32_t token) = 0;
  /// Takes the last advance() that succeeded back; not twice in a row, nor after reset().
  virtual void undo() = 0;

  /// May the text end here?
  virtual bool canEnd() const = 0;
  /// So many tokens are enough to get to where the text may end; 0 if it may here.
  virtual size_t getLeast() const = 0;

  /// Begins another generation.
  virtual void reset() = 0;
};

inline bool isAllowed(std::span<const uint64_t> mask, int32_t token) {
  return mask[static_cast<size_t>(token) / 64] >> (token % 64) & 1;
}

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_CONSTRAINT_H
