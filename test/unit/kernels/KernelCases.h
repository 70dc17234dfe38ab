//===- KernelCases.h - Kernels on a GPU against what is known ---*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_KERNELS_KERNELCASES_H
#define NYALA_TEST_UNIT_KERNELS_KERNELCASES_H

#include "runtime/devices/cuda/CudaContext.h"
#include "test/unit/kernels/kernel_cases_generated.h"

#include <memory>

namespace nyala::test {

/// The first GPU; null, with why in `reason`, if there is none.
std::unique_ptr<rt::cuda::CudaContext> openGpu(std::string &reason);

/// Runs all calls of all cases as the runtime would. Adds a failure where a result is not what is
/// expected, where a kernel writes to anything but its results, leaves counters in the workspace,
/// or, of kernels that have one for one row, where a row has other bits when it is computed alone.
void checkCases(const rt::cuda::CudaContext &gpu, const cases::KernelCases &cases);

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_KERNELS_KERNELCASES_H
