//===- TokenizerMutator.h - Changes of a tokenizer's tables -----*- C++ -*-===//
#ifndef NYALA_TEST_FUZZ_TOKENIZERMUTATOR_H
#define NYALA_TEST_FUZZ_TOKENIZERMUTATOR_H

#include "runtime/artifact_generated.h"
#include "test/fuzz/Mutation.h"

namespace nyala::test {

/// Adds what could change in the tables: single values, and whole tokens and merges with the tables
/// made to fit, so that the checks let the tokenizer pass.
void addChanges(Mutator &mutator, artifact::TokenizerT &tokenizer);

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_TOKENIZERMUTATOR_H
