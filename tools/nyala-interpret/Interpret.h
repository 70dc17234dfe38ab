//===- Interpret.h - What nyala-interpret does ------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_INTERPRET_H
#define NYALA_TOOLS_NYALA_INTERPRET_INTERPRET_H

#include "tools/nyala-interpret/Options.h"

namespace nyala::interpret {

/// Runs a function of one module and prints its results, or compares those of two modules. False if
/// they differ. Throws nyala::Error for what a user can cause; diagnostics of MLIR have then gone
/// to standard error.
bool interpret(const Options &options);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_INTERPRET_H
