//===- Weights.h - Values of weights that come from files -------*- C++ -*-===//
#ifndef NYALA_IR_REFERENCE_WEIGHTS_H
#define NYALA_IR_REFERENCE_WEIGHTS_H

#include "ir/NyalaOps.h"
#include "ir/reference/Tensor.h"
#include "ir/storage/MappedFile.h"

#include <map>
#include <string>

namespace nyala::reference {

/// Reads source ranges of model files; a file stays mapped until the reader goes.
class WeightReader {
public:
  /// The values of a weight with a source, widened. Emits an error at the weight and fails if the
  /// file cannot be opened, is too short, or its format does not fit the weight's type.
  mlir::FailureOr<Tensor> read(WeightOp weight);

private:
  std::map<std::string, MappedFile, std::less<>> files;
};

/// Random values of a weight, from `seed` and its name: vectors (norms' weights) around 1, others
/// normal with variance 1 / elements of a row (of a filter), so that activations keep their size.
/// Values are f32.
mlir::FailureOr<Tensor> makeRandomWeight(WeightOp weight, uint64_t seed);

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_WEIGHTS_H
