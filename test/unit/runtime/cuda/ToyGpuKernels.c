//===- ToyGpuKernels.c - The toy model's kernels for a real GPU -----------===//
//
// What ToyKernels.h says, with one thread a block at work; compiled to PTX.
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/ToyKernels.h"

#define GPU_KERNEL __attribute__((nvptx_kernel)) void
typedef __attribute__((address_space(1))) int32_t *Ints;
typedef __attribute__((address_space(1))) float *Floats;

enum { slotInts = toySlotBytes / 4 };

static int32_t atMost(int32_t value, int32_t most) { return value < most ? value : most; }

#define IF_FIRST_THREAD if (__nvvm_read_ptx_sreg_tid_x() == 0)
#define TILE ((int32_t)__nvvm_read_ptx_sreg_ctaid_x())
#define ROW_BLOCK ((int32_t)__nvvm_read_ptx_sreg_ctaid_y())

GPU_KERNEL append(Ints tokens, Ints sequences, Ints slots, Ints history, Ints rows, Ints space) {
  enum { block = 4 };
  IF_FIRST_THREAD
  for (int32_t row = ROW_BLOCK * block; row < atMost((ROW_BLOCK + 1) * block, *rows); ++row) {
    Ints slot = history + (sequences[row] * toySlots + slots[row]) * slotInts;
    slot[0] = tokens[row];
    ++slot[1];
  }
}

GPU_KERNEL hash(Ints positions, Ints sequences, Ints history, Ints hashes, Ints rows, Ints space) {
  const int32_t row = ROW_BLOCK;
  if (TILE > 0 || row >= *rows)
    return;
  IF_FIRST_THREAD {
    int32_t hash = 0;
    for (int32_t p = 0; p <= positions[row]; ++p)
      hash = (hash * 31 + history[(sequences[row] * toySlots + p) * slotInts]) % 65521;
    hashes[row] = hash;
  }
}

GPU_KERNEL pick(Ints wanted, Ints hashes, Ints picked, Ints rows, Ints space) {
  IF_FIRST_THREAD
  for (int32_t i = 0; i < *rows; ++i)
    picked[i] = hashes[wanted[i]];
}

GPU_KERNEL logits(Ints picked, Ints weight, Floats logits, Ints calls, Ints rows, Ints space) {
  const int32_t token = TILE, last = token == toyVocabulary - 1;
  IF_FIRST_THREAD {
    if (last && *rows > 0)
      ++*calls;
    for (int32_t i = 0; i < *rows; ++i)
      logits[i * toyVocabulary + token] =
          (float)(last ? *calls : (picked[i] * 7 + weight[token]) % 1009);
  }
}

GPU_KERNEL copy(Ints weight, Ints resident, Ints rows, Ints space) {
  IF_FIRST_THREAD
  for (int32_t i = 0; i < toyVocabulary; ++i)
    resident[i] = weight[i];
}

GPU_KERNEL make(Ints resident, Ints rows, Ints space) {
  IF_FIRST_THREAD
  for (int32_t i = 0; i < toyVocabulary; ++i)
    resident[i] = i * 37 % 1009;
}
