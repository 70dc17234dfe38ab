//===- Inputs.h - Arguments for the functions to interpret ------*- C++ -*-===//
//
// Chooses sizes for dynamic dimensions and values for arguments, the same for
// both sides of a comparison. Arguments of the two sides belong together by
// name (role, state or number).
//
// Sizes have names: arguments with a role share `rows`, but `wanted` has its
// own; states have `sequences` and `slots`. Arguments without role or state
// are like kernels' ones: `rows` leads vectors and matrices, `sequences` and
// `slots` caches. What a type, an input or --dim fixes on either side holds;
// the rest has defaults.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_INPUTS_H
#define NYALA_TOOLS_NYALA_INTERPRET_INPUTS_H

#include "ir/reference/Tensor.h"
#include "tools/nyala-interpret/Options.h"
#include "tools/nyala-interpret/Signature.h"

#include <map>
#include <string>

namespace nyala::interpret {

/// Values of all arguments of `functions` (one or two), by name: given ones (Options::inputs), else
/// random, sensible for the role: tokens are below the vocabulary; rows are divided evenly over the
/// sequences and positions count up in each from --dim start (0); slots are positions; wanted rows
/// exist; floats are normal; other integers 0. Throws nyala::Error where names, sizes or values do
/// not fit.
std::map<std::string, reference::Tensor>
makeInputs(llvm::ArrayRef<mlir::FunctionOpInterface> functions, const Options &options);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_INPUTS_H
