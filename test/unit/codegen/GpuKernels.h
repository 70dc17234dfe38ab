//===- GpuKernels.h - Kernels of GPUs against the interpreter ---*- C++ -*-===//
//
// Compiles the kernels of tests for a GPU, and writes down calls of them with
// what the interpreter makes of these (test/unit/kernels/kernel_cases.fbs).
//
//   NYALA_TEST_CUDA_ARCH=LIST    architectures to compile for, all of which are
//                                run; without it that of the GPU, whose machine code
//                                runs if there is ptxas, and sm_80, whose PTX the
//                                driver compiles
//   NYALA_TEST_EXPORT=DIR        where there is no GPU: a file of cases in DIR for
//                                each test, for nyala-kernel-cases-test elsewhere
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_CODEGEN_GPUKERNELS_H
#define NYALA_TEST_UNIT_CODEGEN_GPUKERNELS_H

#include "test/unit/codegen/KernelOperands.h"

namespace nyala::test {

/// Adds a failure where a kernel does not compile or does not what it should
/// (test/unit/kernels/KernelCases.h): with several numbers of rows each. Kernels of up to 64 rows
/// must give a row the bits that the same kernel for one row gives it. Without a GPU the test is
/// skipped once they have been compiled to PTX.
void checkKernelsOnGpu(std::vector<KernelText> kernels);

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_CODEGEN_GPUKERNELS_H
