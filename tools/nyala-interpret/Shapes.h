//===- Shapes.h - Sizes of arguments' dynamic dimensions --------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_SHAPES_H
#define NYALA_TOOLS_NYALA_INTERPRET_SHAPES_H

#include "tools/nyala-interpret/Signature.h"
#include "tools/nyala-interpret/Values.h"

#include <map>
#include <string>
#include <vector>

namespace nyala::interpret {

/// Arguments of one or two functions that belong together.
struct Input {
  Parameter parameter; ///< of the first function that has it
  llvm::SmallVector<int64_t> shape;
};

/// Sizes by name: rows, wanted, sequences, slots; start, the first position.
using Sizes = std::map<std::string, int64_t>;

/// The arguments of `functions` with all their dimensions known, and the named sizes chosen.
/// Precedence: type, given value, `dims`, default. Throws nyala::Error where these disagree, a name
/// is unknown or a tensor would be too large.
std::vector<Input> resolveShapes(llvm::ArrayRef<mlir::FunctionOpInterface> functions,
                                 const std::map<std::string, GivenValue> &given,
                                 const std::map<std::string, int64_t> &dims, Sizes &sizes);

/// "[2, 3]".
std::string formatShape(llvm::ArrayRef<int64_t> shape);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_SHAPES_H
