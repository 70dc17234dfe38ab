//===- CpuTarget.cpp - CPUs by name ---------------------------------------===//
#include "codegen/cpu/CpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir;
using namespace nyala;

/// Features that generated code uses if they are there, in a fixed order: the artifact's bytes
/// depend on the target alone.
static constexpr StringLiteral kUsedFeatures[] = {
    "sse3",       "ssse3",      "sse4.1",     "sse4.2",      "popcnt",     "avx",
    "avx2",       "fma",        "f16c",       "bmi",         "bmi2",       "lzcnt",
    "gfni",       "avxvnni",    "avx512f",    "avx512bw",    "avx512cd",   "avx512dq",
    "avx512vl",   "avx512vnni", "avx512vbmi", "avx512vbmi2", "avx512ifma", "avx512bitalg",
    "avx512bf16", "avx512fp16", "amx-tile",   "amx-int8",    "amx-bf16",   "avx512vpopcntdq",
};

FailureOr<CpuTargetAttr> nyala::cpu::getCpuTarget(MLIRContext *context, StringRef name,
                                                  std::string &error) {
  llvm::StringSet<> available;
  std::string arch = name.str();
  if (name == "native") {
    arch = llvm::sys::getHostCPUName().str();
    for (const auto &feature : llvm::sys::getHostCPUFeatures())
      if (feature.second)
        available.insert(feature.first());
  } else {
    if (llvm::X86::parseArchX86(name, /*Only64Bit=*/true) == llvm::X86::CK_None) {
      SmallVector<StringRef> known;
      llvm::X86::fillValidCPUArchList(known, /*Only64Bit=*/true);
      error = "unknown CPU '" + arch + "'; expected native or one of " + llvm::join(known, ", ");
      return failure();
    }
    SmallVector<StringRef> features;
    llvm::X86::getFeaturesForCPU(name, features);
    // x86-64-v4 names avx512bw, but not the avx512f that this implies.
    llvm::StringMap<bool> implied;
    for (StringRef feature : features)
      llvm::X86::updateImpliedFeatures(feature, /*Enabled=*/true, implied);
    available.insert_range(features);
    for (const auto &feature : implied)
      if (feature.second)
        available.insert(feature.first());
  }
  SmallVector<StringAttr> used;
  for (StringRef feature : kUsedFeatures)
    if (available.contains(feature))
      used.push_back(StringAttr::get(context, feature));
  return CpuTargetAttr::get(context, arch, used);
}

StringRef nyala::cpu::getGenericCpus() {
  return "sapphirerapids,icelake-server,x86-64-v4,alderlake,x86-64-v3";
}

FailureOr<ArrayAttr> nyala::cpu::getCpuTargets(MLIRContext *context, StringRef list,
                                               std::string &error) {
  SmallVector<CpuTargetAttr> targets;
  llvm::StringSet<> names;
  for (StringRef name : llvm::split(list == "generic-multi" ? getGenericCpus() : list, ',')) {
    FailureOr<CpuTargetAttr> target = getCpuTarget(context, name.trim(), error);
    if (failed(target))
      return failure();
    if (!names.insert(target->getArch()).second) {
      error = "'" + list.str() + "' names the CPU '" + target->getArch().str() + "' twice";
      return failure();
    }
    auto isSame = [&](CpuTargetAttr other) { return other.getFeatures() == target->getFeatures(); };
    if (llvm::any_of(targets, isSame))
      continue;
    // What has all features of another and more has the larger number.
    auto hasFewer = [&](CpuTargetAttr other) {
      return other.getFeatures().size() < target->getFeatures().size();
    };
    targets.insert(llvm::find_if(targets, hasFewer), *target);
  }
  return ArrayAttr::get(context, SmallVector<Attribute>(targets.begin(), targets.end()));
}
