//===- Compiler.h - From a model file to an artifact ------------*- C++ -*-===//
//
// The work of nyala-compile: runs the named phases (docs/architecture.md) from
// any of them to any other.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_COMPILE_COMPILER_H
#define NYALA_TOOLS_NYALA_COMPILE_COMPILER_H

#include "tools/run-support/KvSharing.h"
#include "tools/training-step/StepOptions.h"

#include <cstdint>
#include <optional>
#include <string>

namespace nyala {

/// The module after each phase; `Artifact` is what comes after the last.
enum class Phase { Input, Model, Dispatch, Kernel, Program, Artifact };

struct CompileOptions {
  std::string input;
  std::string output;                    ///< "": beside the input, or standard output for a module
  bool forCpu = true, forCuda = false;   ///< devices that code is generated for
  std::string cpu = "native";            ///< a list: codegen/cpu/CpuTarget.h
  std::string cudaArch = "sm_80,sm_90a"; ///< a list: codegen/cuda/CudaTarget.h
  std::string arithmetic = "native";
  std::string kvType; ///< "f16" or "f32"
  KvSharing sharing;
  std::string shareKvSource; ///< "first", "mean", or "" for the pass's default
  std::string calibration;   ///< path of a text; "": none
  int64_t context = 0;       ///< 0: the model's own
  int64_t prefillRows = 0;   ///< 0: what suits each device
  int64_t sequences = 16;
  bool skipPrefillTail = false;
  bool externalWeights = false;
  bool absentWeights = false; ///< random numbers take their place
  bool isStep = false;        ///< compile a training step instead of a model's inference
  train::StepOptions step;    ///< its memory is that of a module of a step to resume from, too
  bool hasBatch = false;      ///< of an ONNX graph, whose file has one
  Phase from = Phase::Input;
  Phase to = Phase::Artifact;
  bool resume = false;  ///< the input is a module of the phase `from`
  std::string ptxas;    ///< path; "": looked for (codegen/cuda/Ptxas.h)
  bool ptxOnly = false; ///< the driver assembles kernels of GPUs
  std::string dumpDirectory;
  std::string remarks; ///< regular expression of pass names; "": none
  bool quiet = false;
};

/// The exit code if the program should end now: 0 after --help or --version, 2 after an error in
/// usage has been printed.
std::optional<int> parseCommandLine(int argc, char **argv, CompileOptions &options);

/// Returns the exit code: 0, or 1 after an error has been printed.
int runCompiler(const CompileOptions &options);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_COMPILE_COMPILER_H
