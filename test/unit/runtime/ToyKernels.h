//===- ToyKernels.h - Kernels of the toy model ------------------*- C -*-===//
//
// A "language model" small enough to compute in one's head. Its state is the
// list of a sequence's tokens; with v tokens in the vocabulary
//
//   hash(t[0..n])  = h(n), h(-1) = 0, h(p) = (31 h(p-1) + t[p]) mod 65521
//   logits[i]      = (7 hash + weight[i]) mod 1009   for i < v - 1
//   logits[v - 1]  = how often the last kernel has run in this session
//
// The functions lie in a section of their own, which is the code image of the
// toy artifact. They follow runtime/kernel_abi.h.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_RUNTIME_TOYKERNELS_H
#define NYALA_TEST_UNIT_RUNTIME_TOYKERNELS_H

#include "runtime/kernel_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  toyVocabulary = 300,
  toySlotBytes = 64,
  toySlots = 64,    ///< of a sequence, where there are several
  toyCandidates = 8 ///< of a row, where a device selects some
};

#define TOY_KERNEL                                                                                 \
  __attribute__((section("toy_kernels"), aligned(16), used, visibility("default"))) void

/// tokens, sequences, slots | history: remembers each row's token in its slot, and counts how often
/// the slot was written. One tile a row.
TOY_KERNEL toyAppend(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);
/// positions, sequences, history | hashes: of all tokens up to each row's. One tile a row. Scratch:
/// 4 bytes a slot.
TOY_KERNEL toyHash(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);
/// wanted, hashes | picked. One tile.
TOY_KERNEL toyPick(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);
/// picked, weight | logits, calls. A tile a token of the vocabulary.
TOY_KERNEL toyLogits(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);

/// Takes about a millisecond. For entries that a test makes slow.
TOY_KERNEL toySpin(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);

// A "training step": w is a state, [toyRows, toyColumns]; the gradient's norm is twice the loss.
enum { toyRows = 2, toyColumns = 4 };

/// tokens, positions, targets, loss_weights, w | loss: w[0] times the sum over rows of weight times
/// (target + position - token). One tile.
TOY_KERNEL toyLoss(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);
/// loss | loss, gradient_norm. One tile.
TOY_KERNEL toyReport(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);
/// gradient_norm, rate, w: adds their product to w if the norm is finite. One tile a row.
TOY_KERNEL toyUpdate(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);
/// loss, sum: adds it. One tile.
TOY_KERNEL toyAccumulate(void *const *buffers, int64_t rows, int64_t begin, int64_t end,
                         void *scratch);
/// rate, w, sum | gradient_norm: the sum, which is cleared after w has grown by rate times it.
TOY_KERNEL toyApply(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch);

extern const char __start_toy_kernels[];
extern const char __stop_toy_kernels[];

#ifdef __cplusplus
}
#endif

#endif /* NYALA_TEST_UNIT_RUNTIME_TOYKERNELS_H */
