//===- KernelTies.h - Results that live in a kernel's arguments -*- C++ -*-===//
//
// A kernel's result may be tied to an argument: it is written over the
// argument's memory and has no buffer of its own. What says so is, first, the
// kernel's attribute on that result,
//
//   nyala.kernel @add(%state: T, %x: T) -> (T {nyala.tied = 0 : i64})
//
// (-1: a buffer of its own), by which dispatch formation decides for results of
// elementwise ops; without the attribute, results of ops that update operands
// (InPlaceOpInterface) are tied to the arguments that these are.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_KERNELTIES_H
#define NYALA_IR_KERNELTIES_H

#include "ir/NyalaOps.h"

namespace nyala {

/// On results of kernels: the number of the argument that they are tied to, or -1.
inline constexpr llvm::StringLiteral kTiedAttr = "nyala.tied";

/// The argument whose memory holds result `result` of `kernel`; nullopt: the result has a buffer of
/// its own. The attribute's value is not checked.
std::optional<int64_t> getTiedArgument(KernelOp kernel, unsigned result);

} // namespace nyala

#endif // NYALA_IR_KERNELTIES_H
