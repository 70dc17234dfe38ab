//===- Contract.h - What the contract of decoding binds ---------*- C++ -*-===//
#ifndef NYALA_IR_CONTRACT_H
#define NYALA_IR_CONTRACT_H

#include "runtime/kernel_abi.h"

namespace nyala {

/// Calls of up to this many rows are bound by the contract of decoding (docs/numerics.md). The
/// runtime keeps to the same number.
inline constexpr int64_t kContractRows = NYALA_CONTRACT_ROWS;

} // namespace nyala

#endif // NYALA_IR_CONTRACT_H
