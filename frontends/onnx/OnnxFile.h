//===- OnnxFile.h - Reads ONNX files ----------------------------*- C++ -*-===//
//
// An ONNX file is one protobuf message. Values of its initializers stay where
// they are: the message is cut into its fields here, and protobuf parses what is
// left of it. Plain C++ without MLIR.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_ONNX_ONNXFILE_H
#define NYALA_FRONTENDS_ONNX_ONNXFILE_H

#include "frontends/onnx/OnnxTensor.h"
#include "ir/storage/MappedFile.h"

#include <map>
#include <memory>

namespace nyala::onnx {

/// Versions of the operator set that nyala knows.
inline constexpr int64_t kFirstOpset = 7, kLastOpset = 21;

class OnnxFile {
public:
  /// Throws nyala::Error: a file that cannot be opened, is no ONNX model or is cut off, an opset
  /// that nyala does not know, a tensor whose bytes are not there or not as many as its shape says.
  explicit OnnxFile(const std::string &path);

  const std::string &getPath() const { return path; }
  int64_t getOpset() const { return opset; }
  /// Without initializers.
  const ::onnx::GraphProto &getGraph() const { return model.graph(); }
  const ::onnx::ModelProto &getModel() const { return model; }
  const std::vector<OnnxTensor> &getInitializers() const { return initializers; }
  /// The tensor of attribute `name` of node `index`, which has it.
  OnnxTensor getAttributeTensor(size_t index, std::string_view name);

private:
  [[noreturn]] void fail(const std::string &message) const;
  void parseModel();
  void parseGraph(std::span<const uint8_t> bytes);
  void checkOpset();
  OnnxTensor readTensor(std::span<const uint8_t> bytes, const std::string &owner);
  /// Finds the bytes of a tensor that are in a file of their own.
  void locateExternal(OnnxTensor &tensor, const std::string &what);
  void checkSize(const OnnxTensor &tensor, const std::string &what) const;

  std::string path, absolutePath;
  MappedFile file;
  std::map<std::string, MappedFile> externalFiles;
  ::onnx::ModelProto model;
  int64_t opset = 0;
  std::vector<OnnxTensor> initializers;
  std::vector<std::span<const uint8_t>> nodes; ///< bytes of each
};

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_ONNXFILE_H
