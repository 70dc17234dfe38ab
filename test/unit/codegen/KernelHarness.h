//===- KernelHarness.h - Kernels against the interpreter --------*- C++ -*-===//
//
// Compiles the nyala.kernels of a module for a CPU, calls them as the runtime
// would, and compares what they compute with ir/reference in f64.
//
// Operands are random, the same for the same seed; attributes on a kernel's
// arguments say what the values may be:
//
//   test.values = array<i32: …>   of ids: these, again and again
//   test.below = n : i64          of ids: random ones in 0..n-1
//   test.rows = n : i64           rows of an operand that are not the call's
//   test.scale = x : f64          standard deviation of floats (default 1)
//   test.mean = x : f64           mean of floats (default 0; 1 of vectors)
//   test.bf16                     floats that bf16 has
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_CODEGEN_KERNELHARNESS_H
#define NYALA_TEST_UNIT_CODEGEN_KERNELHARNESS_H

#include "codegen/cpu/ObjectCompiler.h"
#include "ir/NyalaOps.h"
#include "ir/reference/Tensor.h"
#include "runtime/kernel_abi.h"

#include <gtest/gtest.h>

#include <map>

namespace nyala::test {

using Bytes = std::vector<uint8_t>;

/// The text of one kernel.
struct KernelText {
  std::string name;
  int64_t maxRows;
  std::string text;
  /// Largest error of a value, relative to the largest magnitude in its row of the result or, if
  /// that is larger, to the root mean square of the whole result.
  double tolerance = 1e-6;
  /// Has a row the same bits whatever rows are computed with it, and on every CPU with FMA?
  bool exactRows = false;
};

/// `arguments` are "%x: type, …", `body` ends before nyala.return.
KernelText makeKernel(std::string name, int64_t maxRows, const std::string &arguments,
                      const std::string &body, const std::string &returned,
                      const std::string &results, double tolerance = 1e-6);

/// What this machine lacks for code that is generated for `cpu`; empty if nothing.
std::string findMissingFeature(llvm::StringRef cpu);

/// An operand: its values, and the buffer that holds them.
struct Operand {
  reference::Tensor values;
  Bytes bytes;
  size_t rowBytes = 0; ///< of operands with the call's rows, else 0
};

class CompiledKernels {
public:
  /// Adds a failure with the diagnostics and returns null if the kernels do not compile.
  static std::unique_ptr<CompiledKernels> compile(const std::vector<KernelText> &kernels,
                                                  llvm::StringRef cpu);
  ~CompiledKernels();

  const CodeImage &getImage() const { return image; }

  /// Operands of `kernel` for a call of `rows` rows. Those of fewer rows are the first of more.
  std::vector<Operand> makeOperands(llvm::StringRef kernel, int64_t rows, uint64_t seed);

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

/// One test of a group of kernels, for each CPU. Skipped where the machine lacks a feature.
class KernelTest : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override;
  /// check() with several numbers of rows each; the image uses no instruction the CPU lacks; and,
  /// for x86-64-v4, kernels of few rows give the bits that they give for x86-64-v3.
  void checkKernels(const std::vector<KernelText> &kernels);
};

#define NYALA_INSTANTIATE_KERNEL_TEST(name)                                                        \
  INSTANTIATE_TEST_SUITE_P(Cpus, name, ::testing::Values("x86-64", "x86-64-v3", "x86-64-v4"),      \
                           [](const auto &info) {                                                  \
                             std::string cpu = info.param;                                         \
                             std::replace(cpu.begin(), cpu.end(), '-', '_');                       \
                             return cpu;                                                           \
                           })

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_CODEGEN_KERNELHARNESS_H
