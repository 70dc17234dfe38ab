//===- Walk.h - Random generations under a constraint -----------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_GROUNDING_WALK_H
#define NYALA_TEST_UNIT_GROUNDING_WALK_H

#include "runtime/grounding/Reference.h"
#include "runtime/grounding/ReferenceConstraint.h"
#include "test/unit/grounding/RandomData.h"

#include <bit>

namespace nyala::test {

inline int32_t byteToken(const rt::Tokenizer &tokenizer, char byte) {
  return tokenizer.encode(std::string_view(&byte, 1), /*special=*/false)[0];
}

/// Picks tokens from masks at random until `limit`; `open`: at which step "{{ " is written. Returns
/// the text, or says what was wrong in `problem`.
inline std::string walk(rt::Constraint &constraint, const rt::Tokenizer &tokenizer,
                        RandomData &data, size_t limit, size_t open, std::string &problem) {
  std::string text;
  std::vector<int32_t> allowed;
  constraint.reset();
  size_t left = limit;
  auto take = [&](int32_t token) {
    if (!constraint.advance(token))
      problem = "a token of the mask was refused behind '" + text + "'";
    text += tokenizer.tokenBytes(token, /*special=*/false);
    --left;
  };
  for (size_t step = 0; left > 0 && problem.empty(); ++step) {
    if (step >= open) {
      open = limit;
      for (char byte : std::string_view("{{ "))
        if (left > 0 && rt::isAllowed(constraint.mask(left), byteToken(tokenizer, byte)))
          take(byteToken(tokenizer, byte));
      continue;
    }
    std::span<const uint64_t> mask = constraint.mask(left);
    allowed.clear();
    for (size_t word = 0; word < mask.size(); ++word)
      for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1)
        allowed.push_back(static_cast<int32_t>(64 * word + std::countr_zero(bits)));
    if (allowed.empty()) {
      problem = "no token may come behind '" + text + "'";
      break;
    }
    int32_t token = data.choose(allowed);
    if (tokenizer.isStop(token)) {
      if (!constraint.canEnd())
        problem = "the text may not end behind '" + text + "', but a stop token may come";
      break;
    }
    take(token);
  }
  if (problem.empty() && !constraint.canEnd())
    problem = "the text ends within a reference: '" + text + "'";
  return text;
}

/// Resolves all references of a text; how many there are.
inline size_t countReferences(const rt::grounding::DataTree &tree, std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find("{{", at)) != std::string_view::npos; ++count)
    evaluate(tree, rt::grounding::parseReference(text, at));
  return count;
}

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_GROUNDING_WALK_H
