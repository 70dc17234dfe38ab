//===- Architectures.h - Model architectures of GGUF files ------*- C++ -*-===//
//
// To add one: write Name.cpp with its build function, declare that here and
// add it to the table in Architectures.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_GGUF_ARCHITECTURES_H
#define NYALA_FRONTENDS_GGUF_ARCHITECTURES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace nyala {
class ModelBuilder;
struct DecoderNames;
} // namespace nyala

namespace nyala::gguf {

class GgufHyperparameters;

/// A build function reads hyperparameters, adds facts and builds @forward; it throws nyala::Error.
struct Architecture {
  llvm::StringLiteral name; ///< value of general.architecture, prefix of its keys
  void (*build)(ModelBuilder &builder, GgufHyperparameters &keys);
};

llvm::ArrayRef<Architecture> getArchitectures();

/// Names of the tensors of `llama`.
const DecoderNames &getLlamaNames();
void buildLlama(ModelBuilder &builder, GgufHyperparameters &keys);

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_ARCHITECTURES_H
