//===- ProgramMutator.h - Changes of an artifact's program ------*- C++ -*-===//
#ifndef NYALA_TEST_FUZZ_PROGRAMMUTATOR_H
#define NYALA_TEST_FUZZ_PROGRAMMUTATOR_H

#include "runtime/artifact_generated.h"
#include "test/fuzz/Mutation.h"

namespace nyala::test {

/// A verified program with one value or one list of it changed, laid out anew.
std::vector<uint8_t> mutateProgram(const uint8_t *program, Mutator &mutator);

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_PROGRAMMUTATOR_H
