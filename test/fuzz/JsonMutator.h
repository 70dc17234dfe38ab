//===- JsonMutator.h - Changes of JSON --------------------------*- C++ -*-===//
#ifndef NYALA_TEST_FUZZ_JSONMUTATOR_H
#define NYALA_TEST_FUZZ_JSONMUTATOR_H

#include "test/fuzz/Mutation.h"

#include <string>

namespace nyala::test {

/// Changes one value in a JSON text: its text or number, to another value of the text, to one of
/// another type; or adds or removes a member or element. False if it is not JSON.
bool mutateJson(Mutator &mutator, std::string &text);

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_JSONMUTATOR_H
