//===- Values.h - Values and sizes from the command line --------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_VALUES_H
#define NYALA_TOOLS_NYALA_INTERPRET_VALUES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nyala::interpret {

/// Numbers that a user gave for an argument.
struct GivenValue {
  std::vector<double> numbers;
  /// Of the nested JSON arrays; a plain list of numbers has one dimension.
  llvm::SmallVector<int64_t> shape;
  bool isList() const { return shape.size() == 1; }
};

/// Parses "name=1,2,3", "name=[[1, 2], [3, 4]]" and "name=file.json". Throws nyala::Error for
/// malformed or ragged arrays.
std::map<std::string, GivenValue> parseInputs(llvm::ArrayRef<std::string> inputs);

/// Parses "rows=5,0.1=8". Throws nyala::Error unless each size is 0..kMaxElements.
std::map<std::string, int64_t> parseDims(llvm::ArrayRef<std::string> dims);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_VALUES_H
