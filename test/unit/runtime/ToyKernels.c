//===- ToyKernels.c - Kernels of the toy model ----------------------------===//
//
// Compiled so that the code refers to nothing outside its section: no
// constants in memory, no library calls, no instrumentation.
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/ToyKernels.h"

enum { slotInts = toySlotBytes / 4 };

void toyAppend(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const int32_t *tokens = buffers[0], *sequences = buffers[1], *slots = buffers[2];
  int32_t *history = buffers[3];
  for (int64_t row = begin; row < end; ++row) {
    int32_t *slot = history + (sequences[row] * toySlots + slots[row]) * slotInts;
    slot[0] = tokens[row];
    ++slot[1];
  }
}

void toyHash(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const int32_t *positions = buffers[0], *sequences = buffers[1], *history = buffers[2];
  int32_t *hashes = buffers[3], *copy = scratch;
  for (int64_t row = begin; row < end; ++row) {
    for (int32_t p = 0; p <= positions[row]; ++p)
      copy[p] = history[(sequences[row] * toySlots + p) * slotInts];
    int32_t hash = 0;
    for (int32_t p = 0; p <= positions[row]; ++p)
      hash = (hash * 31 + copy[p]) % 65521;
    hashes[row] = hash;
  }
}

void toyPick(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const int32_t *wanted = buffers[0], *hashes = buffers[1];
  int32_t *picked = buffers[2];
  for (int64_t i = 0; i < rows; ++i)
    picked[i] = hashes[wanted[i]];
}

void toyLogits(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const int32_t *picked = buffers[0], *weight = buffers[1];
  float *logits = buffers[2];
  int32_t *calls = buffers[3];
  for (int64_t token = begin; token < end; ++token) {
    const int last = token == toyVocabulary - 1;
    if (last)
      ++*calls;
    for (int64_t i = 0; i < rows; ++i)
      logits[i * toyVocabulary + token] =
          (float)(last ? *calls : (picked[i] * 7 + weight[token]) % 1009);
  }
}

void toySpin(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  for (volatile int32_t i = 0; i < 1000000; ++i) {
  }
}

void toyLoss(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const int32_t *tokens = buffers[0], *positions = buffers[1], *targets = buffers[2];
  const float *weights = buffers[3], *w = buffers[4];
  float *loss = buffers[5], sum = 0;
  for (int64_t row = 0; row < rows; ++row)
    sum += weights[row] * (float)(targets[row] + positions[row] - tokens[row]);
  *loss = sum * *w;
}

void toyReport(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const float *loss = buffers[0];
  float *result = buffers[1], *norm = buffers[2];
  *result = *loss;
  *norm = *loss + *loss;
}

void toyUpdate(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const float *norm = buffers[0], *rate = buffers[1];
  float *w = buffers[2];
  for (int64_t i = begin * toyColumns; i < end * toyColumns; ++i)
    if (*norm - *norm == 0)
      w[i] += *rate * *norm;
}

void toyAccumulate(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const float *loss = buffers[0];
  float *sum = buffers[1];
  *sum += *loss;
}

void toyApply(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  const float *rate = buffers[0];
  float *w = buffers[1], *sum = buffers[2], *norm = buffers[3];
  *norm = *sum;
  for (int64_t i = 0; i < toyRows * toyColumns; ++i)
    w[i] += *rate * *norm;
  *sum = 0;
}
