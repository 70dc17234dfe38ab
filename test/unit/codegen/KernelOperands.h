//===- KernelOperands.h - Kernels in words, operands, results ---*- C++ -*-===//
//
// Kernels as tests write them, random operands for them and what the interpreter
// makes of those, for all devices.
//
// Operands are random, the same for the same seed; attributes on a kernel's
// arguments say what the values may be:
//
//   test.values = array<i32: …>   of ids: these, again and again
//   test.below = n : i64          of ids: random ones in 0..n-1
//   test.rows = n : i64           rows of an operand that are not the call's
//   test.scale = x : f64          standard deviation of floats (default 1)
//   test.mean = x : f64           mean of floats (default 0; 1 of vectors)
//   test.floats = array<f32: …>   of floats: these, again and again
//   test.bf16                     floats that bf16 has
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_CODEGEN_KERNELOPERANDS_H
#define NYALA_TEST_UNIT_CODEGEN_KERNELOPERANDS_H

#include "ir/NyalaOps.h"
#include "ir/reference/Tensor.h"
#include "test/unit/kernels/KernelResults.h"

#include <set>

namespace nyala::test {

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
  /// Do GPUs have it?
  bool onGpus = true;
  /// Its tolerance there, if that is another.
  double gpuTolerance = 0;
};

/// `arguments` are "%x: type, …", `body` ends before nyala.return.
KernelText makeKernel(std::string name, int64_t maxRows, const std::string &arguments,
                      const std::string &body, const std::string &returned,
                      const std::string &results, double tolerance = 1e-6);

/// A kernel that GPUs refuse, with an error that says why.
inline KernelText forCpus(KernelText kernel) {
  kernel.onGpus = false;
  return kernel;
}

/// How many rows calls have that try a kernel: few, odd, and as many as it takes.
std::set<int64_t> getRowNumbers(const KernelText &kernel);

/// Kernels on tensors of static shapes have as many rows as those say.
bool hasFixedRows(KernelOp kernel);

/// An operand: its values, and the buffer that holds them.
struct Operand {
  reference::Tensor values;
  Bytes bytes;
  size_t rowBytes = 0; ///< of operands with the call's rows, else 0
};

/// Operands of `kernel` for a call of `rows` rows. Those of fewer rows are the first of more.
std::vector<Operand> makeOperands(KernelOp kernel, int64_t rows, uint64_t seed);

/// What the interpreter makes of them in f64, rounded to 16 bits where results have as many; empty
/// if it fails.
std::vector<reference::Tensor> interpret(KernelOp kernel, const std::vector<Operand> &operands);

int64_t getElementBytes(mlir::RankedTensorType type);
/// How values of a result are stored.
cases::Element getElement(mlir::RankedTensorType type);

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_CODEGEN_KERNELOPERANDS_H
