//===- ReportsTest.cpp - What nyala-inspect says of artifacts -------------===//
//
// Of artifacts made by hand: other CPUs, several executables, older compilers.
// test/tools/inspect.test looks at what the compiler makes.
//
//===----------------------------------------------------------------------===//

#include "tools/nyala-inspect/Reports.h"
#include "runtime/core/Status.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"
#include "tools/nyala-inspect/Disassembly.h"
#include "tools/nyala-inspect/Facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nyala;
using namespace nyala::test;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

class ReportsTest : public ::testing::Test {
protected:
  rt::Artifact open(const ArtifactSpec &spec) {
    return rt::Artifact(directory.write("model.nyala", buildArtifact(spec)));
  }

  std::string openError(const ArtifactSpec &spec) {
    try {
      open(spec);
    } catch (const rt::Failure &failure) {
      return failure.what();
    }
    ADD_FAILURE() << "no failure";
    return "";
  }

  std::string disassemblyError(const ArtifactSpec &spec, const std::string &kernel) {
    try {
      inspect::reportMachineCode(open(spec), kernel);
    } catch (const rt::Failure &failure) {
      return failure.what();
    }
    ADD_FAILURE() << "no failure";
    return "";
  }

  TemporaryDirectory directory;
};

/// The toy, saying what its steps write: hashes, picked, logits.
ArtifactSpec makeTold() {
  ArtifactSpec spec = makeToy();
  for (ArtifactSpec::Executable &executable : spec.executables)
    for (ArtifactSpec::Kernel &kernel : executable.kernels)
      kernel.size = 16;
  for (ArtifactSpec::Entry &entry : spec.entries) {
    const uint64_t rows = entry.counts[0].second, wanted = entry.counts[1].second;
    entry.steps[0].writes = std::vector<uint64_t>{};
    entry.steps[1].writes = std::vector<uint64_t>{rows * 4};
    entry.steps[2].writes = std::vector<uint64_t>{wanted * 4};
    entry.steps[3].writes = std::vector<uint64_t>{};
  }
  return spec;
}

TEST_F(ReportsTest, JsonHasTheTotals) {
  const json report = json::parse(inspect::reportJson(open(makeTold())));
  EXPECT_EQ(report["arena_bytes"], 128);
  EXPECT_EQ(report["weight_bytes"], toyVocabulary * 4);
  EXPECT_EQ(report["kv_bytes_per_token"], toySlotBytes + 4);
  EXPECT_EQ(report["metadata"]["general.name"], "toy");
  EXPECT_EQ(report["weight_formats"]["i32"]["weights"], 1);
  ASSERT_EQ(report["entries"].size(), 2u);
  EXPECT_EQ(report["entries"][0]["name"], "decode");
  EXPECT_EQ(report["entries"][1]["counts"]["rows"], 8);
  const json kernel = {{"name", "hash"},
                       {"target", "cpu"},
                       {"arch", "x86-64"},
                       {"format", "elf"},
                       {"bytes", 16},
                       {"scratch_bytes", 64 * 4},
                       {"tiles", 1},
                       {"tiles_per_row", true},
                       {"offset", makeTold().executables[0].kernels[1].entry},
                       {"uses", 2}};
  EXPECT_EQ(report["kernels"][1], kernel);
}

// Kernels of every executable are listed; those of a GPU and of an unknown CPU as well.
TEST_F(ReportsTest, SeveralExecutables) {
  ArtifactSpec spec = makeToyForGpu();
  spec.executables[0].features = {"a-feature-of-no-machine"};
  spec.code[16] = 'p';
  spec.executables[2].kernels[1].entry = 16;
  spec.executables[2].kernels[1].size = 1;
  const rt::Artifact artifact = open(spec);
  const json report = json::parse(inspect::reportJson(artifact));
  EXPECT_EQ(report["executables"][1]["arch"], "sm_90a");
  EXPECT_EQ(report["resident_bytes"], toyVocabulary * 4);
  EXPECT_EQ(report["kv_bytes_per_token"], toySlotBytes + 4);
  EXPECT_EQ(report["entries"][3]["device"], "cuda");
  EXPECT_EQ(report["entries"][3]["steps"][0]["kernel"], "product");
  const size_t ofCpu = spec.executables[0].kernels.size();
  ASSERT_EQ(report["kernels"].size(), ofCpu + 4);
  const json call = {{"columns", 300}, {"depth", 2},     {"activations", 0},
                     {"weight", 1},    {"residual", {}}, {"result", 2}};
  const json product = {{"name", "product"},
                        {"target", "cuda"},
                        {"arch", "sm_90a"},
                        {"format", "cubin"},
                        {"offset", 0},
                        {"bytes", 0},
                        {"uses", 1},
                        {"tiles", 8},
                        {"row_block", 64},
                        {"threads", 256},
                        {"shared_bytes", 1024},
                        {"workspace_bytes", 65536 + 64},
                        {"library_call", call},
                        {"overlaps", true}};
  EXPECT_EQ(report["kernels"][ofCpu + 1], product);
  EXPECT_THAT(inspect::reportSummary(artifact), HasSubstr("cuda sm_90a, cubin"));
  EXPECT_THAT(inspect::reportSummary(artifact), HasSubstr("needs a-feature-of-no-machine"));
  EXPECT_THAT(inspect::reportSummary(artifact), HasSubstr("decode on cuda, 1 steps"));
  EXPECT_THAT(inspect::reportKernels(artifact.program()), HasSubstr("8 x rows/64"));
  EXPECT_THAT(inspect::reportKernels(artifact.program()), HasSubstr("matmul 300x2"));
  // Of a cubin, how to get it; of PTX, the text.
  EXPECT_THAT(inspect::reportMachineCode(artifact, "product"),
              testing::AllOf(HasSubstr("tail -c +16385 "), HasSubstr("nvdisasm sm_90a.cubin"),
                             HasSubstr("kernel product: cuda sm_90a, ptx, 1 bytes\np")));
}

TEST_F(ReportsTest, AbsentWeights) {
  ArtifactSpec spec = makeToyForGpu();
  spec.weightsAbsent = true;
  spec.weightOffset = 0;
  const rt::Artifact artifact = open(spec);
  EXPECT_THAT(inspect::reportSummary(artifact), HasSubstr("absent: compiled with --weights=none"));
  EXPECT_EQ(json::parse(inspect::reportJson(artifact))["weights_absent"], true);
}

TEST_F(ReportsTest, ValuesInTheArena) {
  const rt::Artifact artifact = open(makeTold());
  const artifact::Entry &prefill = *artifact.findEntry("prefill");
  const std::vector<inspect::LiveRange> ranges = inspect::findLiveRanges(prefill);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].offset, 0u);
  EXPECT_EQ(ranges[0].bytes, 32u);
  EXPECT_EQ(ranges[0].written, 1u);
  EXPECT_THAT(ranges[0].reads, ElementsAre(2));
  EXPECT_EQ(ranges[1].offset, 64u);
  EXPECT_EQ(ranges[1].getLastStep(), 3u);
  EXPECT_EQ(inspect::countLiveBytes(ranges, 0), 0u);
  EXPECT_EQ(inspect::countLiveBytes(ranges, 2), 64u);
  EXPECT_THAT(inspect::reportMemory(artifact.program()),
              HasSubstr("arena of prefill: 128 bytes, at most 64 live (step 2)"));
}

// A value that is overwritten ends where it was last read.
TEST_F(ReportsTest, ReusedOffsets) {
  ArtifactSpec spec = makeTold();
  spec.entries[0].steps[2].buffers.back() = artifact::Buffer(artifact::Region::Arena, 0, 0);
  const rt::Artifact artifact = open(spec);
  const auto ranges = inspect::findLiveRanges(*artifact.findEntry("decode"));
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].offset, ranges[1].offset);
  EXPECT_EQ(ranges[1].written, 2u);
}

// Fields that an older compiler did not write are not made up.
TEST_F(ReportsTest, OlderArtifacts) {
  const ArtifactSpec spec = makeToy();
  const rt::Artifact artifact = open(spec);
  EXPECT_THAT(inspect::reportMemory(artifact.program()), HasSubstr("compile the model again"));
  EXPECT_THAT(inspect::reportEntries(artifact.program(), true), HasSubstr("arena+64"));
  const json report = json::parse(inspect::reportJson(artifact));
  EXPECT_TRUE(report["entries"][0]["arena_values"].is_null());
  EXPECT_EQ(report["kernels"][0]["bytes"], 0);
}

TEST_F(ReportsTest, CodeThatCannotBeDisassembled) {
  ArtifactSpec spec = makeTold();
  EXPECT_THAT(disassemblyError(spec, "zebra"), HasSubstr("has no kernel 'zebra'; --kernels lists"));
  EXPECT_THAT(disassemblyError(spec, "hash"), HasSubstr("expected an elf file of x86-64"));
}

// Names of a model file may be any bytes.
TEST_F(ReportsTest, NamesThatAreNoText) {
  ArtifactSpec spec = makeTold();
  spec.weights[0].name = "w\xff\xfe";
  EXPECT_EQ(json::parse(inspect::reportJson(open(spec)))["weights"][0]["name"],
            "w\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_F(ReportsTest, SizesThatCannotBe) {
  ArtifactSpec spec = makeTold();
  spec.executables[0].kernels[0].size = spec.code.size() + 1;
  EXPECT_THAT(openError(spec), HasSubstr("kernel 'append' ends behind its code"));
  spec = makeTold();
  spec.entries[0].steps[1].writes = std::vector<uint64_t>{129};
  EXPECT_THAT(openError(spec), HasSubstr("uses 129 bytes at offset 0 of 128 bytes of Arena"));
  spec.entries[0].steps[1].writes = std::vector<uint64_t>(5);
  EXPECT_THAT(openError(spec), HasSubstr("writes 5 of 4 buffers"));
}

} // namespace
