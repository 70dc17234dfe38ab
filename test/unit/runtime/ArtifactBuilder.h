//===- ArtifactBuilder.h - Artifacts made by hand ---------------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_RUNTIME_ARTIFACTBUILDER_H
#define NYALA_TEST_UNIT_RUNTIME_ARTIFACTBUILDER_H

#include "runtime/artifact_generated.h"
#include "runtime/artifact_header.h"
#include "runtime/kernel_abi.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nyala::test {

/// What an artifact says, in plain members that a test may change before it is written.
struct ArtifactSpec {
  struct MatmulCall {
    uint32_t columns, depth, activations, weight;
    int32_t residual;
    uint32_t result;
  };
  struct Kernel {
    std::string name;
    uint64_t entry;
    uint64_t scratchBytes;
    uint64_t size = 0; ///< 0: not said
    uint64_t tiles = 1;
    bool tilesPerRow = false;
    // Of GPUs.
    uint32_t threads = 0, rowBlock = 0;
    uint64_t sharedBytes = 0, workspaceBytes = 0;
    std::optional<MatmulCall> libraryCall = {};
    bool overlaps = false;
  };
  struct Executable {
    artifact::Target target = artifact::Target::Cpu;
    std::string arch = "x86-64";
    std::vector<std::string> features = {"sse2"};
    std::string format = "elf";
    uint64_t offset = 0;
    uint64_t size = 0;
    std::optional<uint64_t> checksum; ///< absent: the right one
    std::vector<Kernel> kernels;
  };
  struct Weight {
    std::string name;
    uint64_t offset;
    uint64_t size;
  };
  struct State {
    std::string name;
    uint32_t sequences;
    uint64_t slots;
    uint64_t slotBytes;
    bool resident = false;
  };
  struct Step {
    uint32_t kernel;
    std::vector<artifact::Buffer> buffers;
    uint32_t rows;
    std::vector<uint32_t> waits;
    std::optional<std::vector<uint64_t>> writes = {}; ///< absent: not said
    struct Cost {
      uint64_t flopsPerRow = 0, bytesFixed = 0, bytesPerRow = 0;
      uint64_t flopsPerRowPosition = 0, bytesPerRowPosition = 0;
    } cost = {};
    std::string label = {}; ///< empty: not said
    std::vector<uint32_t> updates = {};
    std::vector<uint8_t> floats = {};
  };
  struct Result {
    std::string name;
    uint32_t count;
    uint64_t rowBytes;
  };
  struct Entry {
    std::string name;
    std::vector<std::pair<std::string, uint32_t>> counts;
    std::vector<std::pair<artifact::ArgumentRole, uint32_t>> arguments;
    std::vector<Result> results;
    uint64_t arenaBytes;
    std::vector<Step> steps;
    size_t lastStepCount = 1; ///< how often the list names the last step, which the file has once
    artifact::Target device = artifact::Target::Cpu;
  };
  struct Tokenizer {
    std::vector<std::string> tokens;
    std::vector<artifact::TokenKind> kinds;
    std::vector<uint32_t> stops;
    int32_t bos = -1;
    bool addBos = false;
    std::string chatTemplate;
  };

  uint32_t version = NYALA_ARTIFACT_VERSION;
  uint32_t abiVersion = NYALA_KERNEL_ABI_VERSION;
  uint32_t vocabulary = 0;
  uint32_t context = 0;
  std::vector<std::pair<std::string, std::string>> metadata = {{"general.name", "toy"}};
  std::vector<Executable> executables;
  std::vector<Weight> weights;
  std::string weightFile; ///< empty: in the artifact
  uint64_t weightOffset = 0;
  std::optional<uint64_t> weightSize; ///< absent: that of weightBytes
  bool weightsAbsent = false;         ///< the file has none; set weightOffset to 0
  std::vector<State> states;
  std::vector<Entry> entries;
  std::optional<Tokenizer> tokenizer;

  std::vector<uint8_t> code;
  std::vector<uint8_t> weightBytes;
};

/// Offsets in a toy artifact's file.
constexpr uint64_t toyCodeOffset = 0x4000, toyWeightOffset = 0x5000;

/// The toy model of ToyKernels.h. Prefill chunks have at most `prefillRows` rows. Its tokenizer has
/// the 256 bytes as tokens 0 to 255 and <|end|>, <|start|> as 256 and 257.
ArtifactSpec makeToy(uint32_t context = 64, uint32_t prefillRows = 8, uint32_t prefillWanted = 8,
                     uint32_t sequences = 1);

/// The toy training step of ToyKernels.h, for batches of 2 sequences of 3 tokens: 'train_step' and
/// 'evaluate', or 'accumulate' and 'update'.
ArtifactSpec makeToyTraining(bool accumulates = false);

/// The toy model for a GPU as well: two executables for it after the CPU's, whose code nothing can
/// run, a resident state with the entry that writes it, an entry 'decode' whose first step is a
/// product.
ArtifactSpec makeToyForGpu();

/// The toy model for GPUs alone, of two sequences, with kernels of cuda/ToyGpuKernels.c, or those
/// that the fake driver (cuda/FakeCuda.h) has by the same names: 'decode', 'batch' of 2 rows and
/// 'prefill' of 8; 'init' copies the weight into a resident state, 'randomize' makes the same
/// numbers up.
ArtifactSpec makeToyOnGpu(const std::string &ptx = "//ptx", const std::string &arch = "sm_90a");

/// weight[token] of the toy model.
int32_t toyWeight(size_t token);

/// The program alone, a FlatBuffer.
std::vector<uint8_t> buildProgram(const ArtifactSpec &spec);

/// The bytes of the file (without a separate weight file).
std::vector<uint8_t> buildArtifact(const ArtifactSpec &spec);

/// Puts right checksums into the header of a file whose program was changed.
void signArtifact(std::vector<uint8_t> &file);

/// A directory that is removed at the end.
class TemporaryDirectory {
public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  std::string write(const std::string &name, const std::vector<uint8_t> &bytes) const;
  std::string path(const std::string &name) const { return directory / name; }

private:
  std::filesystem::path directory;
};

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_RUNTIME_ARTIFACTBUILDER_H
