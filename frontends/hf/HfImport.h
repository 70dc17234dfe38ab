//===- HfImport.h - Hugging Face checkpoint -> nyala module -----*- C++ -*-===//
//
// A checkpoint is a folder: config.json, safetensors, and a tokenizer's files.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_HFIMPORT_H
#define NYALA_FRONTENDS_HF_HFIMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace nyala::hf {

/// As nyala::importModel, of a checkpoint's folder, but throws nyala::Error, and does not verify.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context,
                                              const std::string &directory);

/// The same of a config.json alone: its weights have no source.
mlir::OwningOpRef<mlir::ModuleOp> importConfig(mlir::MLIRContext &context, const std::string &path);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_HFIMPORT_H
