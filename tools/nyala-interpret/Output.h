//===- Output.h - Tensors as text and JSON ----------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INTERPRET_OUTPUT_H
#define NYALA_TOOLS_NYALA_INTERPRET_OUTPUT_H

#include "ir/reference/Tensor.h"
#include "tools/nyala-interpret/Options.h"
#include "tools/nyala-interpret/Signature.h"

#include <string>

namespace nyala::interpret {

/// The shortest decimal that reads back as `value`, as f32 in that precision.
std::string formatNumber(double value, reference::Precision precision);

/// Writes results to standard output, as text (a line for each row; large ones summarized unless
/// Options::full) or as one JSON object:
///   {"results": [{"name": "logits", "type": "tensor<?x8xf32>", "shape": [2, 8], "values": [...]}]}
/// with values in row-major order and null for what is not finite.
void printResults(llvm::ArrayRef<Parameter> results, llvm::ArrayRef<reference::Tensor> values,
                  const Options &options);

} // namespace nyala::interpret

#endif // NYALA_TOOLS_NYALA_INTERPRET_OUTPUT_H
