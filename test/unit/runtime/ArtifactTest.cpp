//===- ArtifactTest.cpp - Files that are not what they should be ----------===//

#include "runtime/core/Artifact.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cpu/CpuImage.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"

#include <cstring>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::test;
using artifact::Buffer;
using artifact::Region;
using testing::HasSubstr;

namespace {

class ArtifactTest : public testing::Test {
protected:
  /// Opens a file as a model is opened; expects a failure and returns its message.
  std::string fail(const std::string &path, nyala_status status) {
    try {
      rt::Artifact artifact(path);
      rt::CpuImage image(artifact, rt::CpuFeatures::host());
      ADD_FAILURE() << path << " was accepted";
    } catch (const rt::Failure &failure) {
      EXPECT_EQ(failure.getStatus(), status) << failure.what();
      return failure.what();
    }
    return "";
  }
  std::string fail(const std::vector<uint8_t> &bytes, nyala_status status) {
    return fail(directory.write("bad.nyala", bytes), status);
  }
  std::string failSpec(const std::function<void(ArtifactSpec &)> &change,
                       nyala_status status = NYALA_CORRUPT) {
    ArtifactSpec spec = makeToy();
    change(spec);
    return fail(buildArtifact(spec), status);
  }
  /// Overwrites the first bytes of a file in place; far quicker than writing it anew.
  static void overwrite(const std::string &path, const std::vector<uint8_t> &bytes, size_t count) {
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(count));
  }
  TemporaryDirectory directory;
};

TEST_F(ArtifactTest, OpensTheToy) {
  rt::Artifact artifact(directory.write("toy.nyala", buildArtifact(makeToy())));
  EXPECT_EQ(artifact.program().vocabulary(), unsigned{toyVocabulary});
  EXPECT_EQ(reinterpret_cast<const int32_t *>(artifact.weight(0))[3], toyWeight(3));
  EXPECT_NE(artifact.findEntry("decode"), nullptr);
  EXPECT_EQ(artifact.findEntry("verify"), nullptr);
}

TEST_F(ArtifactTest, FilesThatCannotBeRead) {
  EXPECT_THAT(fail(directory.path("none"), NYALA_NOT_FOUND), HasSubstr("none"));
  EXPECT_THAT(fail(directory.path(""), NYALA_IO_ERROR), HasSubstr("a directory"));
  EXPECT_THAT(fail("/dev/null", NYALA_IO_ERROR), HasSubstr("regular file"));
  EXPECT_THAT(fail(std::vector<uint8_t>{}, NYALA_CORRUPT), HasSubstr("not a nyala artifact"));
  EXPECT_THAT(fail(std::vector<uint8_t>(100, 'x'), NYALA_CORRUPT),
              HasSubstr("not a nyala artifact"));
  EXPECT_THAT(fail(std::vector<uint8_t>{'G', 'G', 'U', 'F', 3, 0, 0, 0}, NYALA_CORRUPT),
              HasSubstr("nyala-compile"));
}

TEST_F(ArtifactTest, TruncatedAnywhere) {
  const std::vector<uint8_t> whole = buildArtifact(makeToy());
  for (size_t size = 8; size < whole.size(); size += size < 256 ? 1 : 97) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + size);
    EXPECT_THAT(fail(part, NYALA_CORRUPT), HasSubstr("is truncated")) << size;
  }
  std::vector<uint8_t> longer = whole;
  longer.push_back(0);
  EXPECT_THAT(fail(longer, NYALA_CORRUPT), HasSubstr("is altered"));
}

TEST_F(ArtifactTest, EveryByteCounts) {
  const std::vector<uint8_t> whole = buildArtifact(makeToy());
  nyala_artifact_header header;
  std::memcpy(&header, whole.data(), sizeof(header));
  const size_t end = header.program_offset + header.program_size;
  std::vector<uint8_t> bytes = whole;
  const std::string path = directory.write("bad.nyala", whole);
  for (size_t i = 0; i < end; ++i) {
    bytes[i] ^= 1 << i % 8;
    overwrite(path, bytes, end);
    EXPECT_THROW(rt::Artifact{path}, rt::Failure) << i;
    bytes[i] = whole[i];
  }
}

// The same with right checksums, so that the verifier and the structural checks see the damage.
// Some of these files are accepted: a name with another letter is a name.
TEST_F(ArtifactTest, DamageBehindTheChecksumsDoesNotCrash) {
  const std::vector<uint8_t> whole = buildArtifact(makeToy());
  nyala_artifact_header header;
  std::memcpy(&header, whole.data(), sizeof(header));
  std::vector<uint8_t> bytes = whole;
  const std::string path = directory.write("bad.nyala", whole);
  size_t refused = 0;
  for (size_t i = 0; i < header.program_size; ++i)
    for (uint8_t value : {0x00, 0x01, 0x7F, 0xFF}) {
      bytes[header.program_offset + i] = value;
      signArtifact(bytes);
      overwrite(path, bytes, header.program_offset + header.program_size);
      try {
        rt::Artifact artifact(path);
        rt::CpuImage image(artifact, rt::CpuFeatures::host());
      } catch (const rt::Failure &) {
        ++refused;
      }
      bytes[header.program_offset + i] = whole[header.program_offset + i];
    }
  EXPECT_GT(refused, header.program_size / 2);
}

TEST_F(ArtifactTest, OtherVersions) {
  EXPECT_THAT(
      failSpec([](ArtifactSpec &s) { s.version = NYALA_ARTIFACT_VERSION + 1; }, NYALA_VERSION),
      HasSubstr("update the runtime"));
  EXPECT_THAT(failSpec([](ArtifactSpec &s) { s.version = 0; }, NYALA_VERSION),
              HasSubstr("compile the model again"));
  EXPECT_THAT(failSpec([](ArtifactSpec &s) { s.abiVersion = 9; }, NYALA_VERSION),
              HasSubstr("version 9 of the kernel abi"));
}

TEST_F(ArtifactTest, AlteredSegments) {
  std::vector<uint8_t> bytes = buildArtifact(makeToy());
  bytes[toyCodeOffset + 5] ^= 1;
  EXPECT_THAT(fail(bytes, NYALA_CORRUPT), HasSubstr("checksum of its code for 'x86-64'"));
  bytes[toyCodeOffset + 5] ^= 1;
  bytes[toyWeightOffset + 1] ^= 1;
  EXPECT_THAT(fail(bytes, NYALA_CORRUPT), HasSubstr("checksum of its weights"));
}

TEST_F(ArtifactTest, WeightsInAnotherFile) {
  ArtifactSpec spec = makeToy();
  spec.weightFile = "toy.weights";
  spec.weightOffset = 4096;
  const std::string path = directory.write("toy.nyala", buildArtifact(spec));
  EXPECT_THAT(fail(path, NYALA_NOT_FOUND), HasSubstr("toy.weights"));

  std::vector<uint8_t> weights(4096, 0);
  weights.insert(weights.end(), spec.weightBytes.begin(), spec.weightBytes.end());
  directory.write("toy.weights", weights);
  rt::Artifact artifact(path);
  EXPECT_EQ(reinterpret_cast<const int32_t *>(artifact.weight(0))[9], toyWeight(9));

  weights[4100] ^= 1;
  directory.write("toy.weights", weights);
  const std::string altered = fail(path, NYALA_CORRUPT);
  EXPECT_THAT(altered, HasSubstr("toy.weights' is altered"));
  for (size_t size : {4097, 4096, 100, 0}) {
    weights.resize(size);
    directory.write("toy.weights", weights);
    EXPECT_THAT(fail(path, NYALA_CORRUPT), HasSubstr("toy.weights' is truncated"));
  }
  for (const char *name : {"../toy.weights", "/etc/passwd", ".", "..", "a/b"})
    EXPECT_THAT(failSpec([&](ArtifactSpec &s) { s.weightFile = name; }),
                HasSubstr("not the name of a file beside it"));
}

TEST_F(ArtifactTest, MissingCpuFeatures) {
  const auto unsupported = [&](const char *feature) {
    return failSpec([&](ArtifactSpec &s) { s.executables[0].features = {"sse2", feature}; },
                    NYALA_UNSUPPORTED);
  };
  EXPECT_THAT(unsupported("avx10.9-unreal"),
              testing::AllOf(HasSubstr("'avx10.9-unreal', which this runtime does not know"),
                             HasSubstr("--cpu=")));
  // No processor has both AMD's and Intel's.
  const bool amd = rt::CpuFeatures::host().query("sse4a") == rt::CpuFeatures::Answer::Present;
  const char *foreign = amd ? "amx-tile" : "sse4a";
  EXPECT_THAT(unsupported(foreign),
              HasSubstr(std::string(foreign) + "', which this machine lacks"));
  EXPECT_THAT(failSpec([](ArtifactSpec &s) { s.executables[0].format = "pe"; }, NYALA_UNSUPPORTED),
              HasSubstr("format 'pe'"));
  const auto forGpusAlone = [](ArtifactSpec &s) {
    s = makeToyForGpu();
    s.executables.erase(s.executables.begin());
    s.entries.erase(s.entries.begin(), s.entries.begin() + 2);
  };
  EXPECT_THAT(failSpec(forGpusAlone, NYALA_UNSUPPORTED), HasSubstr("not for a cpu"));
}

/// The verifier passes structs at any address, though reading them takes aligned ones.
TEST_F(ArtifactTest, MisalignedBuffers) {
  std::vector<uint8_t> bytes = buildArtifact(makeToy());
  const auto *program = artifact::GetArtifact(bytes.data() + sizeof(nyala_artifact_header));
  const artifact::Step *step = program->entries()->Get(0)->steps()->Get(0);
  const uint8_t *field =
      reinterpret_cast<const flatbuffers::Table *>(step)->GetAddressOf(artifact::Step::VT_BUFFERS);
  // A word further on, so that the first buffer's region, 3, is taken for their number.
  uint32_t offset;
  std::memcpy(&offset, field, sizeof(offset));
  offset += sizeof(offset);
  std::memcpy(bytes.data() + (field - bytes.data()), &offset, sizeof(offset));
  signArtifact(bytes);
  EXPECT_THAT(fail(bytes, NYALA_CORRUPT), HasSubstr("step 0: its buffers are not aligned"));
}

TEST_F(ArtifactTest, StructureThatCannotBeExecuted) {
  const auto expect = [&](const char *message, const std::function<void(ArtifactSpec &)> &change) {
    EXPECT_THAT(failSpec(change), HasSubstr(message));
  };
  const auto expectBuffer = [&](const char *message, Buffer buffer) {
    expect(message, [&](ArtifactSpec &s) { s.entries[0].steps[1].buffers[0] = buffer; });
  };
  using Spec = ArtifactSpec;
  expect("vocabulary of 0", [](Spec &s) { s.vocabulary = 0; });
  expect("vocabulary of 16777217", [](Spec &s) { s.vocabulary = (1 << 24) + 1; });
  expect("context of 0", [](Spec &s) { s.context = 0; });
  expect("no executable", [](Spec &s) { s.executables.clear(); });
  expect("no entry", [](Spec &s) { s.entries.clear(); });
  expect("no entry", [](Spec &s) { s.entries[0].name = s.entries[1].name = "other"; });
  // Code.
  expect("whole pages", [](Spec &s) { s.executables[0].offset += 8; });
  expect("whole pages", [](Spec &s) { s.executables[0].offset = 1ull << 63; });
  expect("whole pages", [](Spec &s) { s.executables[0].size = ~0ull - toyCodeOffset + 1; });
  expect("begins behind", [](Spec &s) { s.executables[0].kernels[1].entry = s.code.size(); });
  expect("of scratch", [](Spec &s) { s.executables[0].kernels[1].scratchBytes = ~0ull; });
  expect("kernel 'hash' has 18446744073709551615 tiles",
         [](Spec &s) { s.executables[0].kernels[1].tiles = ~0ull; });
  expect("other kernels", [](Spec &s) {
    s.executables.push_back(s.executables[0]);
    s.executables[1].kernels.pop_back();
  });
  expect("other kernels", [](Spec &s) {
    s.executables.push_back(s.executables[0]);
    std::swap(s.executables[1].kernels[0], s.executables[1].kernels[1]);
  });
  // Parts that share bytes, which would make more of a program than its file has.
  expect("its parts have", [](Spec &s) { s.entries[0].lastStepCount = 2000; });
  expect("its parts have", [](Spec &s) {
    s.executables[0].size = 0x1000;
    s.executables.resize(8, s.executables[0]);
  });
  // Weights.
  expect("whole pages", [](Spec &s) { s.weightOffset += 64; });
  expect("is truncated", [](Spec &s) { s.weightSize = 1 << 20; });
  expect("whole pages", [](Spec &s) { s.weightSize = ~0ull; });
  expect("weight 'weight' does", [](Spec &s) { s.weights[0].offset = 32; });
  expect("weight 'weight' does", [](Spec &s) { s.weights[0].size += 1; });
  expect("weight 'weight' does", [](Spec &s) { s.weights[0].offset = ~63ull; });
  // States.
  expect("state 'history' has 63 slots", [](Spec &s) { s.states[0].slots = 63; });
  expect("a state would have", [](Spec &s) { s.states[0].slots = 1ull << 60; });
  expect("a state would have", [](Spec &s) { s.states[0].slotBytes = ~0ull; });
  expect("the states would have",
         [](Spec &s) { s.states[0].slots = s.states[1].slots = 1ull << 41; });
  expect("state 'history' is empty", [](Spec &s) { s.states[0].sequences = 0; });
  expect("state 'history' is empty", [](Spec &s) { s.states[0].slotBytes = 0; });
  // Counts, arguments, results.
  expect("lacks a count", [](Spec &s) { s.entries[0].counts.pop_back(); });
  expect("lacks a count", [](Spec &s) { s.entries[0].counts[1].first = "rows"; });
  expect("lacks a count", [](Spec &s) { s.entries[0].counts[1].first = "columns"; });
  expect("at most 0 rows", [](Spec &s) { s.entries[0].counts[0].second = 0; });
  expect("unknown role",
         [](Spec &s) { s.entries[0].arguments[0].first = artifact::ArgumentRole(77); });
  expect("counts its argument", [](Spec &s) { s.entries[0].arguments[0].second = 1; });
  expect("argument of count 9 of 2", [](Spec &s) { s.entries[0].arguments[0].second = 9; });
  expect("no result 'logits'", [](Spec &s) { s.entries[0].results[0].name = "scores"; });
  expect("'logits' has", [](Spec &s) { s.entries[0].results[0].rowBytes += 4; });
  expect("'logits' has", [](Spec &s) { s.entries[0].results[0].count = 0; });
  expect("count 2 of 2", [](Spec &s) { s.entries[0].results[0].count = 2; });
  using Results = std::vector<Spec::Result>;
  for (const Results &candidates : {Results{{"top_ids", 1, 32}}, Results{{"top_logits", 1, 32}},
                                    Results{{"top_logits", 1, 32}, {"top_ids", 1, 36}},
                                    Results{{"top_logits", 1, 32}, {"top_ids", 0, 32}},
                                    Results{{"top_logits", 1, 0}, {"top_ids", 1, 0}},
                                    Results{{"top_logits", 1, 30}, {"top_ids", 1, 30}},
                                    Results{{"top_logits", 1, 1204}, {"top_ids", 1, 1204}}})
    expect("'top_logits' and 'top_ids'", [&](Spec &s) {
      auto &results = s.entries[0].results;
      results.insert(results.end(), candidates.begin(), candidates.end());
    });
  expect("a result would have", [](Spec &s) { s.entries[1].results[0].rowBytes = ~0ull; });
  expect("an arena of", [](Spec &s) { s.entries[0].arenaBytes = ~0ull; });
  // Steps.
  expect("step 1: kernel 5 of 5", [](Spec &s) { s.entries[0].steps[1].kernel = 5; });
  expect("step 1: count 2 of 2", [](Spec &s) { s.entries[0].steps[1].rows = 2; });
  expect("waits for step 1", [](Spec &s) { s.entries[0].steps[1].waits = {1}; });
  expect("waits for step 3", [](Spec &s) { s.entries[0].steps[1].waits = {0, 3}; });
  expectBuffer("Argument 5 of 5", Buffer(Region::Argument, 5, 0));
  expectBuffer("Result 1 of 1", Buffer(Region::Result, 1, 0));
  expectBuffer("State 2 of 2", Buffer(Region::State, 2, 0));
  expectBuffer("Weight 4294967295 of 1", Buffer(Region::Weight, ~0u, 0));
  expectBuffer("unknown region 5", Buffer(Region(5), 0, 0));
  expectBuffer("offset 192 in 128 bytes of Arena", Buffer(Region::Arena, 0, 192));
  expectBuffer("offset 6 in", Buffer(Region::Arena, 0, 6));
  expectBuffer("bytes of Weight", Buffer(Region::Weight, 0, ~63ull));
  expectBuffer("offset 5 in 4 bytes of Argument", Buffer(Region::Argument, 0, 5));
  expectBuffer("bytes of State", Buffer(Region::State, 0, 1 << 20));
  expect("bytes of State", [](Spec &s) { // a session may reserve the first sequence alone
    s.states[0].sequences = 4;
    s.entries[0].steps[1].buffers[2] = Buffer(Region::State, 0, 65 * toySlotBytes);
  });
  expect("step 1: says of 1 values", [](Spec &s) { s.entries[0].steps[1].floats = {1}; });
  expect("step 1: updates buffer 4 of 4", [](Spec &s) { s.entries[0].steps[1].updates = {0, 4}; });
}

TEST_F(ArtifactTest, TrainingSteps) {
  const auto expect = [&](const char *message, const std::function<void(ArtifactSpec &)> &change) {
    ArtifactSpec spec = makeToyTraining();
    change(spec);
    EXPECT_THAT(fail(buildArtifact(spec), NYALA_CORRUPT), HasSubstr(message));
  };
  // States are matrices here, with fewer rows than positions, and counts have any name.
  const rt::Artifact artifact(directory.write("step.nyala", buildArtifact(makeToyTraining())));
  EXPECT_FALSE(rt::servesSessions(artifact.program()));
  using Spec = ArtifactSpec;
  expect("argument of count 3 of 3", [](Spec &s) { s.entries[0].arguments[0].second = 3; });
  expect("'loss' has 2 bytes", [](Spec &s) { s.entries[0].results[0].rowBytes = 2; });
  expect("no entry to", [](Spec &s) { s.entries.erase(s.entries.begin()); });
  expect("step 0: uses 8 bytes at offset 60", [](Spec &s) {
    s.entries[0].steps[0].buffers[5] = Buffer(Region::Arena, 0, 60);
    s.entries[0].steps[0].writes = {{8}};
  });
}

TEST_F(ArtifactTest, OpensTheToyForGpus) {
  const rt::Artifact artifact(directory.write("gpu.nyala", buildArtifact(makeToyForGpu())));
  const artifact::Artifact &program = artifact.program();
  using artifact::Target;
  EXPECT_EQ(rt::findExecutable(program, Target::Cuda)->format()->string_view(), "cubin");
  EXPECT_EQ(rt::findExecutable(program, Target::Cpu)->format()->string_view(), "elf");
  EXPECT_EQ(artifact.findEntry("decode")->device(), Target::Cpu);
  EXPECT_EQ(artifact.findEntry("decode", Target::Cuda)->steps()->size(), 1u);
  EXPECT_EQ(artifact.findEntry("init"), nullptr);
  EXPECT_EQ(rt::getMaxSequences(program), 1u);
  // The CPU's part runs as ever.
  const rt::CpuImage image(artifact, rt::CpuFeatures::host());
}

TEST_F(ArtifactTest, ProgramsThatNoGpuCanExecute) {
  const auto expect = [&](const char *message, const std::function<void(ArtifactSpec &)> &change) {
    ArtifactSpec spec = makeToyForGpu();
    change(spec);
    EXPECT_THAT(fail(buildArtifact(spec), NYALA_CORRUPT), HasSubstr(message));
  };
  // The product, in all code for GPUs.
  const auto expectKernel = [&](const char *message,
                                const std::function<void(ArtifactSpec::Kernel &)> &change) {
    expect(message, [&](ArtifactSpec &spec) {
      change(spec.executables[1].kernels[1]);
      change(spec.executables[2].kernels[1]);
    });
  };
  using Spec = ArtifactSpec;
  using Kernel = ArtifactSpec::Kernel;
  // Executables and entries.
  expect("the code for 'sm_90a' is for an unknown device",
         [](Spec &s) { s.executables[1].target = artifact::Target(2); });
  expect("has the format 'elf', expected cubin or ptx",
         [](Spec &s) { s.executables[2].format = "elf"; });
  expect("the ptx for 'sm_90a' has no end", [](Spec &s) { s.code.back() = 1; });
  expect("other kernels than the first for its device",
         [](Spec &s) { s.executables[2].kernels.pop_back(); });
  expect("entry 'init' is for a device that it has no code for",
         [](Spec &s) { s.executables.resize(1); });
  expect("entry 'init' is for a device that it has no code for",
         [](Spec &s) { s.entries[2].device = artifact::Target(9); });
  expect("step 0: kernel 2 of 2", [](Spec &s) { s.entries[3].steps[0].kernel = 2; });
  // Launch records.
  for (uint32_t threads : {0u, 48u, 1056u})
    expectKernel("threads, expected a multiple of 32 up to 1024",
                 [=](Kernel &k) { k.threads = threads; });
  expectKernel("kernel 'product' has no tiles", [](Kernel &k) { k.tiles = 0; });
  expectKernel("wants 232449 bytes of shared memory", [](Kernel &k) { k.sharedBytes = 232449; });
  expectKernel("a workspace of", [](Kernel &k) { k.workspaceBytes = ~0ull; });
  expect("100000 rows in blocks of 1, more than 65535 blocks", [](Spec &s) {
    s.executables[1].kernels[0].rowBlock = s.executables[2].kernels[0].rowBlock = 1;
    s.entries[2].counts[0].second = 100'000;
  });
  // Library calls.
  expectKernel("a product of 300 columns and depth 0", [](Kernel &k) { k.libraryCall->depth = 0; });
  expectKernel("takes buffer 3 of 3", [](Kernel &k) { k.libraryCall->result = 3; });
  expectKernel("takes buffer 4294967295 of 3", [](Kernel &k) { k.libraryCall->weight = ~0u; });
  expectKernel("takes buffer 7 of 3", [](Kernel &k) { k.libraryCall->residual = 7; });
  expectKernel("uses 1800 bytes at offset 0 of 1200 bytes of State",
               [](Kernel &k) { k.libraryCall->depth = 3; });
  expectKernel("a library's product would have",
               [](Kernel &k) { k.libraryCall->depth = k.libraryCall->columns = ~0u; });
  // Residents.
  expect("a CPU uses state 'w.resident', which is resident on a GPU",
         [](Spec &s) { s.entries[0].steps[3].buffers[3] = Buffer(Region::State, 2, 0); });
  expect("no entry writes the resident state 'w.resident', expected init or randomize",
         [](Spec &s) { s.entries[2].name = "start"; });
}

TEST_F(ArtifactTest, AbsentWeights) {
  ArtifactSpec spec = makeToyForGpu();
  spec.weightsAbsent = true;
  EXPECT_THAT(fail(buildArtifact(spec), NYALA_CORRUPT), HasSubstr("absent and to have a place"));
  spec.weightOffset = 0;
  spec.weightFile = "weights";
  EXPECT_THAT(fail(buildArtifact(spec), NYALA_CORRUPT), HasSubstr("absent and to have a place"));
  spec.weightFile.clear();
  const rt::Artifact artifact(directory.write("absent.nyala", buildArtifact(spec)));
  EXPECT_FALSE(artifact.hasWeights());
  EXPECT_EQ(artifact.program().weights()->Get(0)->size(), spec.weightBytes.size());
  try {
    artifact.weight(0);
    ADD_FAILURE() << "there is a weight";
  } catch (const rt::Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_UNSUPPORTED);
    EXPECT_THAT(failure.what(), HasSubstr("compiled with --weights=none"));
  }
}

} // namespace
