//===- OnnxTensor.h - Tensors that an ONNX file stores ----------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_ONNX_ONNXTENSOR_H
#define NYALA_FRONTENDS_ONNX_ONNXTENSOR_H

#include "ir/storage/StoredFormat.h"

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nyala::onnx {

/// More elements than this no tensor has: shapes are checked before anything is computed of them.
inline constexpr int64_t kMaxElements = int64_t(1) << 40;

/// Elements of a shape; nullopt if a size is negative or there are more than kMaxElements.
std::optional<int64_t> countElements(std::span<const int64_t> shape);

/// "float", "int64", or the number of an unknown one.
std::string getTypeName(int32_t dataType);
/// float, float16, bfloat16: the types of weights, and of what is computed.
bool isFloatType(int32_t dataType);
/// Integers of up to 64 bits, and bool.
bool isIntegerType(int32_t dataType);

/// An initializer, or the tensor of a node's attribute.
struct OnnxTensor {
  ::onnx::TensorProto proto; ///< without what `bytes` shows
  std::vector<int64_t> shape;
  int64_t elements;
  /// Where the values lie one after the other, little-endian. Not where the file has them as a list
  /// of another width (`proto` has it then).
  std::optional<std::span<const uint8_t>> bytes;
  std::string file; ///< whose bytes they are: an absolute path
  uint64_t offset = 0;

  /// The format of a weight's bytes; nullopt if the type is none of weights or values lie
  /// otherwise.
  std::optional<StoredFormat> getFormat() const;
  /// The values of a tensor of floats or doubles, and of integers. The type must be one of these
  /// and the list as long as the shape says, which reading has checked.
  std::vector<double> readFloats() const;
  std::vector<int64_t> readIntegers() const;
};

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_ONNXTENSOR_H
