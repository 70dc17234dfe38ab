//===- GgufImport.h - GGUF file -> nyala module -----------------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_GGUF_GGUFIMPORT_H
#define NYALA_FRONTENDS_GGUF_GGUFIMPORT_H

#include "ir/storage/TokenizerData.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>

namespace nyala::gguf {

/// As nyala::importModel, of a GGUF file, but throws nyala::Error, and does not verify.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context, const std::string &path);

/// As nyala::importTokenizer, of a GGUF file.
std::optional<TokenizerData> importTokenizer(const std::string &path);

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_GGUFIMPORT_H
