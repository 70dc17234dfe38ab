//===- kernel_abi.h - Border between generated code and runtime -*- C -*-===//
//
// The one contract between kernels that the compiler generates and the runtime
// that calls them. No dependencies; versioned. A kernel is a function of the
// CPU executable's image:
//
//   - position independent, calls nothing outside the image, allocates nothing,
//     keeps no state, never fails;
//   - reads and writes only `buffers` (base addresses in the order of
//     Step.buffers, at least 64-byte aligned for weights and whole values of
//     the arena, to 4 bytes for rows of them) and `scratch`;
//   - computes work items [begin, end) of the step's tiles; different ranges of
//     one step may run concurrently on different workers, each with its own
//     scratch, and every split into ranges gives the same bits.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_KERNEL_ABI_H
#define NYALA_RUNTIME_KERNEL_ABI_H

#include <stdint.h>

#define NYALA_KERNEL_ABI_VERSION 1u
/// Alignment in bytes of the arena, of scratch and of each weight.
#define NYALA_BUFFER_ALIGNMENT 64u
/// Calls of up to this many rows are bound by the contract of decoding (docs/numerics.md): a row
/// has the bits that it would have alone.
#define NYALA_CONTRACT_ROWS 64u

/// \param buffers base address of each operand, then of each result that is not tied to one.
/// \param rows    rows of this call (Step.rows names the count).
/// \param begin   first work item.
/// \param end     one past the last work item.
/// \param scratch Kernel.scratch_bytes bytes of this worker's own, contents undefined.
typedef void (*nyala_kernel_fn)(void *const *buffers, int64_t rows, int64_t begin, int64_t end,
                                void *scratch);

#endif /* NYALA_RUNTIME_KERNEL_ABI_H */
