//===- OnnxImport.h - ONNX file -> nyala module -----------------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_ONNX_ONNXIMPORT_H
#define NYALA_FRONTENDS_ONNX_ONNXIMPORT_H

#include "frontends/Import.h"

namespace nyala::onnx {

/// As nyala::importModel, of an ONNX file, but throws nyala::Error, and does not verify. All shapes
/// are static (docs/onnx.md).
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context, const std::string &path,
                                              const ModelSizes &sizes);

/// Can a file that begins so be an ONNX file? The format has no magic: files begin with the field
/// that holds its version.
bool isModel(llvm::StringRef content);

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_ONNXIMPORT_H
