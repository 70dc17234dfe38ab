//===- ArtifactWriter.h - Program module to model.nyala ---------*- C++ -*-===//
#ifndef NYALA_CODEGEN_PACKAGE_ARTIFACTWRITER_H
#define NYALA_CODEGEN_PACKAGE_ARTIFACTWRITER_H

#include "codegen/CodeImage.h"
#include "ir/NyalaOps.h"
#include "ir/storage/TokenizerData.h"

#include <functional>
#include <optional>

namespace nyala::package {

struct ArtifactOptions {
  std::string path;
  bool externalWeights = false; ///< weights go to `path`.weights
  bool absentWeights = false;   ///< weights go nowhere: for timings with random numbers
  /// The checksum of external weights that an earlier call wrote to the same path, for the same
  /// weights in the same order: they are left as they are.
  std::optional<uint64_t> writtenWeights;
  /// Called while weights are written: bytes done, bytes in all.
  std::function<void(uint64_t, uint64_t)> progress;
};

struct ArtifactSummary {
  struct Variant {
    std::string arch, format; ///< as in CodeImage
    uint64_t codeBytes;
  };
  uint64_t fileBytes, weightBytes, arenaBytes, kvBytesPerToken, stateBytes;
  uint64_t residentBytes; ///< of weights in a GPU's layout
  uint64_t weightsChecksum;
  size_t kernels; ///< of all devices, each once
  std::vector<Variant> variants;
};

/// Writes the artifact of a module of the phase `program`; `images` are the code of its variants,
/// for each device the best first. Throws nyala::Error; no file is left behind then. Same module,
/// images and tokenizer: same bytes.
ArtifactSummary writeArtifact(mlir::ModuleOp module, llvm::ArrayRef<CodeImage> images,
                              const std::optional<TokenizerData> &tokenizer,
                              const ArtifactOptions &options);

} // namespace nyala::package

#endif // NYALA_CODEGEN_PACKAGE_ARTIFACTWRITER_H
