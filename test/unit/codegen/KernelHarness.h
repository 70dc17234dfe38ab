//===- KernelHarness.h - Kernels against the interpreter --------*- C++ -*-===//
//
// Compiles the nyala.kernels of a module for a CPU, calls them as the runtime
// would, and compares what they compute with ir/reference in f64. For GPUs
// GpuKernels.h does so.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_CODEGEN_KERNELHARNESS_H
#define NYALA_TEST_UNIT_CODEGEN_KERNELHARNESS_H

#include "codegen/cpu/ObjectCompiler.h"
#include "runtime/kernel_abi.h"
#include "test/unit/codegen/KernelOperands.h"

#include <gtest/gtest.h>

#include <map>

namespace nyala::test {

/// What this machine lacks for code that is generated for `cpu`; empty if nothing.
std::string findMissingFeature(llvm::StringRef cpu);

class CompiledKernels {
public:
  /// Adds a failure with the diagnostics and returns null if the kernels do not compile.
  static std::unique_ptr<CompiledKernels> compile(const std::vector<KernelText> &kernels,
                                                  llvm::StringRef cpu);
  ~CompiledKernels();

  const CodeImage &getImage() const { return image; }

  /// Operands of `kernel` for a call of `rows` rows. Those of fewer rows are the first of more.
  std::vector<Operand> makeOperands(llvm::StringRef kernel, int64_t rows, uint64_t seed) {
    return test::makeOperands(kernels.at(kernel.str()).op, rows, seed);
  }

  /// The contents of all results after the kernel has run on work items in these ranges, one call
  /// each. Adds a failure if it writes to anything but its results.
  std::vector<Bytes> run(llvm::StringRef kernel, const std::vector<Operand> &operands, int64_t rows,
                         llvm::ArrayRef<std::pair<int64_t, int64_t>> ranges);
  /// The same in one range.
  std::vector<Bytes> run(llvm::StringRef kernel, const std::vector<Operand> &operands,
                         int64_t rows);

  /// Work items of a call of `rows` rows.
  int64_t getItems(llvm::StringRef kernel, int64_t rows) {
    return kernels.at(kernel.str()).getItems(rows);
  }

  /// Everything that holds for every kernel: values as the interpreter computes them, the same bits
  /// for every division of work items and, with few rows, when each row is computed alone.
  void check(const KernelText &kernel, int64_t rows, uint64_t seed);

private:
  struct Kernel {
    KernelOp op; ///< as it was
    nyala_kernel_fn function;
    int64_t tiles, scratchBytes;
    bool perRow;
    std::vector<int64_t> tied; ///< of each result: an operand, or -1
    int64_t getItems(int64_t rows) const { return perRow ? tiles * rows : tiles; }
  };

  CompiledKernels();
  bool lower(const std::vector<KernelText> &kernels, llvm::StringRef cpu);
  void map();
  void checkValues(const KernelText &text, const std::vector<Operand> &operands,
                   const std::vector<Bytes> &results, int64_t rows);
  void checkDivisions(const KernelText &text, const std::vector<Operand> &operands,
                      const std::vector<Bytes> &results, int64_t rows, uint64_t seed);
  void checkRowsAlone(const KernelText &text, const std::vector<Operand> &operands,
                      const std::vector<Bytes> &results, int64_t rows);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> original, lowered;
  CodeImage image;
  void *code = nullptr;
  std::map<std::string, Kernel> kernels;
};

/// One test of a group of kernels, for each CPU, or for GPUs. Skipped where the machine lacks a
/// feature of the CPU, or, by checkKernels(), a GPU.
class KernelTest : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override;
  /// Of CPUs, check() with several numbers of rows each; the image uses no instruction the CPU
  /// lacks; and, for x86-64-v4, kernels of few rows give the bits that they give for x86-64-v3. Of
  /// GPUs, see GpuKernels.h.
  void checkKernels(const std::vector<KernelText> &kernels);
  bool isGpu() const { return llvm::StringRef(GetParam()) == "cuda"; }
};

inline std::string getTestName(const ::testing::TestParamInfo<const char *> &info) {
  std::string device = info.param;
  llvm::replace(device, '-', '_');
  return device;
}

#define NYALA_INSTANTIATE_CPU_KERNEL_TEST(name)                                                    \
  INSTANTIATE_TEST_SUITE_P(Cpus, name, ::testing::Values("x86-64", "x86-64-v3", "x86-64-v4"),      \
                           getTestName)

#define NYALA_INSTANTIATE_GPU_KERNEL_TEST(name)                                                    \
  INSTANTIATE_TEST_SUITE_P(Gpus, name, ::testing::Values("cuda"), getTestName)

/// Of kernels that all devices have.
#define NYALA_INSTANTIATE_KERNEL_TEST(name)                                                        \
  NYALA_INSTANTIATE_CPU_KERNEL_TEST(name);                                                         \
  NYALA_INSTANTIATE_GPU_KERNEL_TEST(name)

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_CODEGEN_KERNELHARNESS_H
