//===- KernelResults.h - What kernels leave, checked ------------*- C++ -*-===//
//
// What all devices' kernels are held to, without the compiler.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_KERNELS_KERNELRESULTS_H
#define NYALA_TEST_UNIT_KERNELS_KERNELRESULTS_H

#include "test/unit/kernels/kernel_cases_generated.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nyala::test {

using Bytes = std::vector<uint8_t>;

/// The values of a result whose rows have `width` of them.
std::vector<float> readValues(const Bytes &bytes, cases::Element element, size_t width);

/// Where `got` is not what is wanted, in words; empty if nowhere. `tolerance` is the largest error
/// of a value, relative to the largest magnitude in its row of `width` values or, if that is
/// larger, to the root mean square of all.
std::string findDifference(std::span<const float> got, std::span<const double> want, size_t width,
                           double tolerance);

/// What calls of one row each leave, one after the other. Operands have `bytes`, and `rowBytes` of
/// each row or 0; `tied` has the operand that a result is written over, or -1; `run(operands)`
/// returns the contents of all results.
template <typename Operand, typename Run>
std::vector<Bytes> runRowsAlone(const std::vector<Operand> &operands,
                                const std::vector<int64_t> &tied, size_t rows, Run run) {
  std::vector<Bytes> together(tied.size());
  std::vector<Operand> alone = operands;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < operands.size(); ++i)
      if (const size_t size = operands[i].rowBytes)
        alone[i].bytes.assign(operands[i].bytes.begin() + r * size,
                              operands[i].bytes.begin() + (r + 1) * size);
    const std::vector<Bytes> row = run(alone);
    for (size_t i = 0; i < tied.size(); ++i) {
      if (tied[i] >= 0)
        alone[tied[i]].bytes = together[i] = row[i];
      else
        together[i].insert(together[i].end(), row[i].begin(), row[i].end());
    }
  }
  return together;
}

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_KERNELS_KERNELRESULTS_H
