//===- HfImport.h - Hugging Face checkpoint -> nyala module -----*- C++ -*-===//
//
// A checkpoint is a folder: config.json, safetensors, and a tokenizer's files.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_HFIMPORT_H
#define NYALA_FRONTENDS_HF_HFIMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <nlohmann/json.hpp>

#include <string>

namespace nyala::hf {

/// As nyala::importModel, of a checkpoint's folder, but throws nyala::Error, and does not verify.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context,
                                              const std::string &directory);

/// The same of a config.json alone: its weights have no source.
mlir::OwningOpRef<mlir::ModuleOp> importConfig(mlir::MLIRContext &context, const std::string &path);
/// The same of what `path` holds, or would hold.
mlir::OwningOpRef<mlir::ModuleOp> importConfig(mlir::MLIRContext &context, const std::string &path,
                                               const nlohmann::json &config);
/// The keys of the file. Throws nyala::Error.
nlohmann::json readConfig(const std::string &path);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_HFIMPORT_H
