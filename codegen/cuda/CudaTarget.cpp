//===- CudaTarget.cpp - GPU architectures by name -------------------------===//
#include "codegen/cuda/CudaTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nyala;

namespace {
struct Architecture {
  StringLiteral name;
  unsigned ptx;                        ///< that has the architecture and what kernels use
  unsigned toolkitMajor, toolkitMinor; ///< that has that PTX
};
} // namespace

/// Loads that prefetch 256 bytes into L2 without a place in L1 came with PTX 7.4. Versions are from
/// the release history in NVIDIA's "PTX ISA"
/// (https://docs.nvidia.com/cuda/parallel-thread-execution).
static constexpr Architecture kArchitectures[] = {
    {"sm_80", 74, 11, 4},  {"sm_86", 74, 11, 4},   {"sm_87", 74, 11, 4},  {"sm_89", 78, 11, 8},
    {"sm_90", 78, 11, 8},  {"sm_90a", 80, 12, 0},  {"sm_100", 86, 12, 8}, {"sm_100a", 86, 12, 8},
    {"sm_103", 88, 12, 9}, {"sm_103a", 88, 12, 9}, {"sm_110", 90, 13, 0}, {"sm_110a", 90, 13, 0},
    {"sm_120", 87, 12, 8}, {"sm_120a", 87, 12, 8}, {"sm_121", 88, 12, 9}, {"sm_121a", 88, 12, 9},
};

static const Architecture *find(StringRef name) {
  const auto *found = llvm::find_if(
      kArchitectures, [&](const Architecture &architecture) { return architecture.name == name; });
  return found == std::end(kArchitectures) ? nullptr : found;
}

FailureOr<ArrayAttr> nyala::cuda::getCudaTargets(MLIRContext *context, StringRef list,
                                                 std::string &error) {
  SmallVector<CudaTargetAttr> targets;
  for (StringRef part : llvm::split(list, ',')) {
    StringRef name = part.trim();
    if (!find(name)) {
      error =
          "unknown GPU architecture '" + name.str() + "'; expected one of " +
          llvm::join(llvm::map_range(kArchitectures, [](auto &known) { return known.name; }), ", ");
      return failure();
    }
    auto target = CudaTargetAttr::get(context, name);
    if (llvm::is_contained(targets, target)) {
      error = "'" + list.str() + "' names the GPU architecture '" + name.str() + "' twice";
      return failure();
    }
    targets.push_back(target);
  }
  llvm::sort(targets, [](CudaTargetAttr a, CudaTargetAttr b) {
    return std::pair(a.getComputeCapability(), a.isSpecific()) >
           std::pair(b.getComputeCapability(), b.isSpecific());
  });
  return ArrayAttr::get(context, SmallVector<Attribute>(targets.begin(), targets.end()));
}

unsigned nyala::cuda::getPtxVersion(CudaTargetAttr target) {
  const Architecture *architecture = find(target.getArch());
  return architecture ? architecture->ptx : 0;
}

llvm::VersionTuple nyala::cuda::getToolkitVersion(CudaTargetAttr target) {
  const Architecture *architecture = find(target.getArch());
  return architecture ? llvm::VersionTuple(architecture->toolkitMajor, architecture->toolkitMinor)
                      : llvm::VersionTuple();
}
