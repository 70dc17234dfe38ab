//===- Signature.h - Names of arguments and results -------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_SIGNATURE_H
#define NYALA_TOOLS_NYALA_INTERPRET_SIGNATURE_H

#include "mlir/Interfaces/FunctionInterfaces.h"

#include <string>
#include <vector>

namespace nyala::interpret {

/// An argument or result of a function.
struct Parameter {
  /// Its nyala.role, nyala.result or nyala.state, "gradient:" and its nyala.gradient; without such
  /// its number. Unique in a function: a second one of a name is known by its number.
  std::string name;
  mlir::Type type;
  bool isState = false;
  int64_t maxRows = -1; ///< nyala.max_rows; -1: none

  /// Shape of the type; empty for a scalar.
  llvm::SmallVector<int64_t> getShape() const;
  mlir::Type getElementType() const;
};

std::vector<Parameter> getArguments(mlir::FunctionOpInterface function);
std::vector<Parameter> getResults(mlir::FunctionOpInterface function);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_SIGNATURE_H
