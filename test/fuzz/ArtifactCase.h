//===- ArtifactCase.h - Short inputs that stand for artifacts ---*- C++ -*-===//
//
// An artifact's segments lie on pages, which would be most of an input, and its
// checksums would refuse every mutation. So an input is an artifact's header and
// program alone, and becomes a file with a page of code and weights:
//
//   header | 0 … | page: code and weights | program
//
// Fields of the header that are 0 are set to what they should be, others are
// kept. All checksums are computed, also those inside the program.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_FUZZ_ARTIFACTCASE_H
#define NYALA_TEST_FUZZ_ARTIFACTCASE_H

#include "runtime/artifact_header.h"

#include <cstdint>
#include <span>
#include <vector>

namespace nyala::test {

/// Where the one page of code and weights is.
constexpr uint64_t caseSegmentOffset = NYALA_ARTIFACT_PAGE;

/// The file that an input stands for. Inputs shorter than a header are files as they are.
std::vector<uint8_t> makeArtifactFile(std::span<const uint8_t> input);

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_ARTIFACTCASE_H
