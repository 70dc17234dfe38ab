#include "frontends/onnx/OnnxTensor.h"

#include <algorithm>
#include <cstring>

using ::onnx::TensorProto;

namespace nyala::onnx {

std::optional<int64_t> countElements(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0 || size > kMaxElements || (size > 0 && count > kMaxElements / size))
      return std::nullopt;
    count *= size;
  }
  return count;
}

std::string getTypeName(int32_t dataType) {
  if (!::onnx::TensorProto_DataType_IsValid(dataType))
    return "number " + std::to_string(dataType);
  std::string name =
      ::onnx::TensorProto_DataType_Name(static_cast<TensorProto::DataType>(dataType));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

bool isFloatType(int32_t dataType) {
  return dataType == TensorProto::FLOAT || dataType == TensorProto::FLOAT16 ||
         dataType == TensorProto::BFLOAT16;
}

bool isIntegerType(int32_t dataType) {
  switch (dataType) {
  case TensorProto::BOOL:
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::INT32:
  case TensorProto::UINT32:
  case TensorProto::INT64:
  case TensorProto::UINT64:
    return true;
  default:
    return false;
  }
}

std::optional<StoredFormat> OnnxTensor::getFormat() const {
  if (!bytes)
    return std::nullopt;
  switch (proto.data_type()) {
  case TensorProto::FLOAT:
    return StoredFormat::F32;
  case TensorProto::FLOAT16:
    return StoredFormat::F16;
  case TensorProto::BFLOAT16:
    return StoredFormat::BF16;
  default:
    return std::nullopt;
  }
}

/// Values of type T that lie one after the other, converted.
template <typename T, typename To>
static std::vector<To> readBytes(std::span<const uint8_t> bytes) {
  std::vector<To> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<To>(value);
  }
  return values;
}

std::vector<double> OnnxTensor::readFloats() const {
  if (proto.data_type() == TensorProto::DOUBLE) {
    if (bytes)
      return readBytes<double, double>(*bytes);
    return {proto.double_data().begin(), proto.double_data().end()};
  }
  if (!bytes && proto.data_type() == TensorProto::FLOAT)
    return {proto.float_data().begin(), proto.float_data().end()};
  std::vector<double> values;
  if (!bytes) { // 16 bits, each in an integer of its own
    bool half = proto.data_type() == TensorProto::FLOAT16;
    for (int32_t bits : proto.int32_data())
      values.push_back(half ? halfToFloat(static_cast<uint16_t>(bits))
                            : bfloatToFloat(static_cast<uint16_t>(bits)));
    return values;
  }
  std::vector<float> widened(static_cast<size_t>(elements));
  dequantize(getFormat().value(), bytes->data(), widened.data(), widened.size());
  return {widened.begin(), widened.end()};
}

std::vector<int64_t> OnnxTensor::readIntegers() const {
  switch (proto.data_type()) {
  case TensorProto::INT64:
    if (bytes)
      return readBytes<int64_t, int64_t>(*bytes);
    return {proto.int64_data().begin(), proto.int64_data().end()};
  case TensorProto::UINT64:
    if (bytes)
      return readBytes<uint64_t, int64_t>(*bytes);
    return {proto.uint64_data().begin(), proto.uint64_data().end()};
  case TensorProto::UINT32:
    if (bytes)
      return readBytes<uint32_t, int64_t>(*bytes);
    return {proto.uint64_data().begin(), proto.uint64_data().end()};
  default:
    break;
  }
  if (!bytes)
    return {proto.int32_data().begin(), proto.int32_data().end()};
  switch (proto.data_type()) {
  case TensorProto::INT16:
    return readBytes<int16_t, int64_t>(*bytes);
  case TensorProto::UINT16:
    return readBytes<uint16_t, int64_t>(*bytes);
  case TensorProto::INT32:
    return readBytes<int32_t, int64_t>(*bytes);
  default: // 8 bits, bool among them
    break;
  }
  std::vector<int64_t> values(bytes->begin(), bytes->end());
  if (proto.data_type() == TensorProto::INT8)
    for (int64_t &value : values)
      value -= value > 127 ? 256 : 0;
  return values;
}

} // namespace nyala::onnx
