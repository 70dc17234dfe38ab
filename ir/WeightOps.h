//===- WeightOps.h - Ops that rearrange weights -----------------*- C++ -*-===//
#ifndef NYALA_IR_WEIGHTOPS_H
#define NYALA_IR_WEIGHTOPS_H

#include "ir/NyalaOps.h"

#define GET_OP_CLASSES
#include "ir/WeightOps.h.inc"

namespace nyala {

/// 32 bits that look random, of a seed and a counter: the finalizer of MurmurHash3 (Appleby 2011)
/// on counter + seed * 0x9e3779b9.
inline uint32_t hashCounter(uint32_t seed, uint32_t counter) {
  uint32_t bits = counter + seed * 0x9e3779b9U;
  bits = (bits ^ (bits >> 16)) * 0x85ebca6bU;
  bits = (bits ^ (bits >> 13)) * 0xc2b2ae35U;
  return bits ^ (bits >> 16);
}

} // namespace nyala

#endif // NYALA_IR_WEIGHTOPS_H
