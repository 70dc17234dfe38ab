//===- CpuImageTest.cpp - Which executable a processor gets ---------------===//

#include "runtime/devices/cpu/CpuImage.h"
#include "runtime/core/Status.h"
#include "test/unit/runtime/ArtifactBuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::test;
using testing::HasSubstr;

namespace {

/// A processor with the registers `xcr0` (XGETBV) and, if `amx`, tiles; AVX2 and AVX-512 by them.
rt::CpuFeatures describe(uint64_t xcr0, bool amx) {
  return {[amx](uint32_t leaf, uint32_t subleaf) -> rt::CpuFeatures::Registers {
            if (leaf == 0)
              return {7, 0, 0, 0};
            if (leaf == 1)
              return {0, 0, 1u << 28 | 1u << 27, 1u << 26};
            if (leaf == 7 && subleaf == 0)
              return {0, 1u << 16 | 1u << 5, 1u << 11, amx ? 3u << 24 : 0};
            return {0, 0, 0, 0};
          },
          xcr0};
}

constexpr uint64_t avxRegisters = 0x7, avx512Registers = 0xE7, allRegisters = 0x600E7;

bool grant() { return true; }
bool refuse() { return false; }
bool mustNotAsk() {
  ADD_FAILURE() << "asked for tiles though no code that runs here needs them";
  return false;
}

class CpuImageTest : public testing::Test {
protected:
  CpuImageTest() {
    ArtifactSpec spec = makeToy();
    spec.executables.resize(3, spec.executables[0]);
    spec.executables[0].arch = "best";
    spec.executables[0].features = {"avx2", "avx512f", "avx512vnni", "amx-tile", "amx-int8"};
    spec.executables[1].arch = "middle";
    spec.executables[1].features = {"avx2", "avx512f", "avx512vnni"};
    spec.executables[2].arch = "least";
    spec.executables[2].features = {"avx2"};
    artifact.emplace(directory.write("toy.nyala", buildArtifact(spec)));
  }
  std::string select(const rt::CpuFeatures &cpu, bool (*requestTiles)()) {
    return rt::CpuImage(*artifact, cpu, requestTiles).getExecutable().arch()->str();
  }

  TemporaryDirectory directory;
  std::optional<rt::Artifact> artifact;
};

TEST_F(CpuImageTest, TakesTheFirstThatRuns) {
  EXPECT_EQ(select(describe(allRegisters, true), grant), "best");
  EXPECT_EQ(select(describe(allRegisters, false), mustNotAsk), "middle");
  EXPECT_EQ(select(describe(avxRegisters, false), mustNotAsk), "least");
}

// Neither an operating system that does not save the registers nor one that refuses tiles to this
// process keeps the model from running.
TEST_F(CpuImageTest, GoesOnWithoutWhatTheSystemRefuses) {
  EXPECT_EQ(select(describe(avx512Registers, true), mustNotAsk), "middle");
  EXPECT_EQ(select(describe(avxRegisters, true), mustNotAsk), "least");
  EXPECT_EQ(select(describe(allRegisters, true), refuse), "middle");
}

TEST_F(CpuImageTest, SaysOfEachWhatIsMissing) {
  try {
    select(describe(0, true), mustNotAsk);
    FAIL() << "there are no registers for any";
  } catch (const rt::Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_UNSUPPORTED);
    EXPECT_THAT(failure.what(),
                HasSubstr("toy.nyala' does not run here: the code for 'best' needs 'avx2', which "
                          "this machine lacks; the code for 'middle' needs 'avx2', which this "
                          "machine lacks; the code for 'least' needs 'avx2', which this machine "
                          "lacks; compile the model with --cpu=native"));
  }
}

TEST_F(CpuImageTest, SaysThatTilesAreRefused) {
  ArtifactSpec spec = makeToy();
  spec.executables[0].features = {"avx2", "amx-tile"};
  artifact.emplace(directory.write("toy.nyala", buildArtifact(spec)));
  try {
    select(describe(allRegisters, true), refuse);
    FAIL() << "there are no tiles";
  } catch (const rt::Failure &failure) {
    EXPECT_THAT(failure.what(), HasSubstr("needs amx, which the operating system refuses"));
  }
}

} // namespace
