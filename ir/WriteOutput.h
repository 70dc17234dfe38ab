//===- WriteOutput.h - Text files that appear whole or not at all -*- C++ -*-===//
#ifndef NYALA_IR_WRITEOUTPUT_H
#define NYALA_IR_WRITEOUTPUT_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace nyala {

/// Writes a file aside and renames it. Pipes and devices, which a file must not take the place of,
/// are written to directly; "-" is standard output. A full disk is an error.
llvm::Error writeOutput(llvm::StringRef path,
                        llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write);

} // namespace nyala

#endif // NYALA_IR_WRITEOUTPUT_H
