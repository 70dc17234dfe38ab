//===- Import.h - Model -> nyala module -------------------------*- C++ -*-===//
//
// The entry of all frontends: a directory is a Hugging Face checkpoint; which
// one reads a file is decided by the file's content. ONNX files have no mark of
// their own: of what nothing else reads, a name that ends in .onnx makes one. A
// config.json alone is a model whose weights have no source: one to be trained.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_IMPORT_H
#define NYALA_FRONTENDS_IMPORT_H

#include "ir/storage/TokenizerData.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <optional>
#include <string>

namespace nyala {

/// What is left open by a graph of ONNX, whose shapes become static. Of other models nothing is: it
/// is an error to ask for it.
struct ModelSizes {
  std::optional<int64_t> batch;         ///< instead of the file's
  std::map<std::string, int64_t> named; ///< of dimensions that the file names
};

/// The model as a verified module of the phase `input` (docs/architecture.md): @forward, weights as
/// symbols that refer to their file by its absolute path if it has any, facts in `nyala.model`.
/// Loads the dialects it needs into `context`. On bad input emits an error that starts with the
/// path and returns null; what is there but the model does not use is warned of.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context, const std::string &path,
                                              const ModelSizes &sizes = {});

/// Does a model leave sizes open? Throws nyala::Error.
bool leavesSizesOpen(const std::string &path);

/// The tokenizer of the model; nullopt if it has none. Throws nyala::Error.
std::optional<TokenizerData> importTokenizer(const std::string &path);

} // namespace nyala

#endif // NYALA_FRONTENDS_IMPORT_H
