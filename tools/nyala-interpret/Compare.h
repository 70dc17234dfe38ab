//===- Compare.h - Results of two modules side by side ----------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_COMPARE_H
#define NYALA_TOOLS_NYALA_INTERPRET_COMPARE_H

#include "ir/reference/Tensor.h"
#include "tools/nyala-interpret/Options.h"
#include "tools/nyala-interpret/Signature.h"

#include <vector>

namespace nyala::interpret {

/// What a function gave.
struct Side {
  std::vector<Parameter> results;
  llvm::SmallVector<reference::Tensor> values;
};

/// Prints the largest difference of each pair of results of one name, as text or JSON. True if all
/// are within tolerance. A state that one side lacks is skipped with a note; another missing
/// result, a difference in shape, or nothing left to compare makes the result false.
bool compareResults(const Side &before, const Side &after, const Options &options);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_COMPARE_H
