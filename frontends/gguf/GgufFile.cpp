#include "frontends/gguf/GgufFile.h"
#include "frontends/gguf/GgufFileCursor.h"
#include "frontends/gguf/GgufFileTypes.h"

#include <algorithm>
#include <limits>

namespace nyala::gguf {
namespace {

/// Bytes of the shortest possible metadata entry: key length, type, value of one byte.
constexpr uint64_t minEntryBytes = 8 + 4 + 1;
/// Bytes of the shortest possible tensor info: name length, rank, one dimension, type, offset.
constexpr uint64_t minTensorInfoBytes = 8 + 4 + 8 + 4 + 8;
constexpr uint32_t maxRank = 4; // GGML_MAX_DIMS

struct Header {
  uint32_t version;
  uint64_t tensorCount, entryCount;
};

Header readHeader(GgufFileCursor &cursor) {
  uint64_t size = cursor.getRemaining();
  if (size == 0)
    cursor.fail(0, "the file is empty, expected a GGUF model");
  std::string_view magic = "GGUF";
  for (size_t i = 0; i < magic.size(); ++i)
    if (cursor.read<char>("the magic 'GGUF'") != magic[i])
      cursor.fail(0, "not a GGUF file: it does not start with the magic 'GGUF'");

  Header header;
  uint64_t at = cursor.getPosition();
  header.version = cursor.read<uint32_t>("the version");
  if (header.version == 1)
    cursor.fail(at, "GGUF version 1 is not supported, expected 2 or 3; convert the original model "
                    "again with a current converter");
  if (header.version != 0 && (header.version & 0xffff) == 0)
    cursor.fail(at, "big-endian GGUF version " + std::to_string(__builtin_bswap32(header.version)) +
                        ", expected little-endian; convert the original model again for a "
                        "little-endian machine");
  if (header.version != 2 && header.version != 3)
    cursor.fail(at, "unknown GGUF version " + std::to_string(header.version) +
                        ", expected 2 or 3; the file is newer than this reader, or damaged");
  header.tensorCount = cursor.readCount("tensors", minTensorInfoBytes, 8);
  header.entryCount =
      cursor.readCount("metadata entries", minEntryBytes, header.tensorCount * minTensorInfoBytes);
  return header;
}

template <typename Stored> auto readScalar(GgufFileCursor &cursor) {
  if constexpr (std::is_same_v<Stored, std::string_view>) {
    return cursor.readString();
  } else if constexpr (std::is_same_v<Stored, bool>) {
    auto byte = cursor.read<uint8_t>("a bool");
    if (byte > 1)
      cursor.fail(cursor.getPosition() - 1,
                  "a bool has the value " + std::to_string(byte) + ", expected 0 or 1");
    return byte == 1;
  } else if constexpr (std::is_floating_point_v<Stored>) {
    return static_cast<double>(cursor.read<Stored>("a float"));
  } else if constexpr (std::is_signed_v<Stored>) {
    return static_cast<int64_t>(cursor.read<Stored>("an integer"));
  } else {
    return static_cast<uint64_t>(cursor.read<Stored>("an unsigned integer"));
  }
}

/// The type that readScalar widens a stored type to.
template <typename Stored>
using Kept = decltype(readScalar<Stored>(std::declval<GgufFileCursor &>()));

template <typename Stored> std::vector<Kept<Stored>> readArray(GgufFileCursor &cursor) {
  constexpr bool isString = std::is_same_v<Stored, std::string_view>;
  uint64_t count = cursor.readCount("array elements", isString ? 8 : sizeof(Stored));
  std::vector<Kept<Stored>> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i)
    values.push_back(readScalar<Stored>(cursor));
  return values;
}

template <typename Stored> Value readScalarOrArray(GgufFileCursor &cursor, bool array) {
  if (array)
    return readArray<Stored>(cursor);
  return readScalar<Stored>(cursor);
}

Value readValue(GgufFileCursor &cursor) {
  uint64_t at = cursor.getPosition();
  auto type = cursor.read<ValueType>("the type of a value");
  bool array = type == ValueType::Array;
  if (array) {
    at = cursor.getPosition();
    type = cursor.read<ValueType>("the element type of an array");
  }
  switch (type) {
  case ValueType::Uint8:
    return readScalarOrArray<uint8_t>(cursor, array);
  case ValueType::Int8:
    return readScalarOrArray<int8_t>(cursor, array);
  case ValueType::Uint16:
    return readScalarOrArray<uint16_t>(cursor, array);
  case ValueType::Int16:
    return readScalarOrArray<int16_t>(cursor, array);
  case ValueType::Uint32:
    return readScalarOrArray<uint32_t>(cursor, array);
  case ValueType::Int32:
    return readScalarOrArray<int32_t>(cursor, array);
  case ValueType::Uint64:
    return readScalarOrArray<uint64_t>(cursor, array);
  case ValueType::Int64:
    return readScalarOrArray<int64_t>(cursor, array);
  case ValueType::Float32:
    return readScalarOrArray<float>(cursor, array);
  case ValueType::Float64:
    return readScalarOrArray<double>(cursor, array);
  case ValueType::Bool:
    return readScalarOrArray<bool>(cursor, array);
  case ValueType::String:
    return readScalarOrArray<std::string_view>(cursor, array);
  case ValueType::Array:
    cursor.fail(at, "an array of arrays is not supported");
  }
  cursor.fail(at, "unknown value type " + std::to_string(static_cast<uint32_t>(type)) +
                      ", expected 0 to 12");
}

/// The shape, slowest dimension first. The number of values fits int64_t.
std::vector<int64_t> readShape(GgufFileCursor &cursor) {
  uint64_t at = cursor.getPosition();
  auto rank = cursor.read<uint32_t>("the number of dimensions");
  if (rank == 0 || rank > maxRank)
    cursor.fail(at, std::to_string(rank) + " dimensions, expected 1 to 4");
  std::vector<int64_t> shape(rank);
  int64_t values = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    at = cursor.getPosition();
    auto size = cursor.read<int64_t>("a dimension");
    if (size <= 0)
      cursor.fail(at, "dimension " + std::to_string(i) + " is " + std::to_string(size) +
                          ", expected at least 1");
    if (__builtin_mul_overflow(values, size, &values))
      cursor.fail(at, "the product of the dimensions overflows 63 bits");
    shape[rank - 1 - i] = size;
  }
  return shape;
}

StoredFormat readFormat(GgufFileCursor &cursor) {
  uint64_t at = cursor.getPosition();
  auto type = cursor.read<uint32_t>("the tensor type");
  if (std::optional<StoredFormat> format = getStoredFormat(type))
    return *format;
  std::string_view name = getTensorTypeName(type);
  if (name.empty())
    cursor.fail(at, "unknown tensor type " + std::to_string(type) +
                        "; the file is newer than this reader, or damaged");
  cursor.fail(at, "tensor type " + std::to_string(type) + " (" + std::string(name) +
                      ") is not supported, expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
                      "Q4_K, Q5_K or Q6_K; quantize the original model to one of these");
}

/// One tensor info; its offset is as yet from the start of the tensor data.
TensorInfo readTensorInfo(GgufFileCursor &cursor, uint64_t fileSize, uint64_t alignment) {
  std::string_view name = cursor.readString();
  cursor.enterItem("tensor", name);
  TensorInfo tensor{std::string(name), readShape(cursor), {}, 0, 0};
  uint64_t at = cursor.getPosition();
  tensor.format = readFormat(cursor);

  const StoredFormatInfo &info = getInfo(tensor.format);
  uint64_t rowValues = static_cast<uint64_t>(tensor.shape.back());
  if (rowValues % info.blockValues != 0)
    cursor.fail(at, "a row has " + std::to_string(rowValues) + " values, expected a multiple of " +
                        std::to_string(info.blockValues) + ", the block size of " +
                        std::string(info.name));
  uint64_t values = 1;
  for (int64_t size : tensor.shape)
    values *= static_cast<uint64_t>(size);
  // Before multiplying by the block's bytes, so that the product cannot overflow.
  if (values / info.blockValues > fileSize / info.blockBytes)
    cursor.failTruncated(at, std::to_string(values) + " values of " + std::string(info.name) +
                                 " need more bytes than the file has (" + std::to_string(fileSize) +
                                 ")");
  tensor.bytes = storedBytes(tensor.format, values);

  at = cursor.getPosition();
  tensor.offset = cursor.read<uint64_t>("the offset of the tensor's data");
  if (tensor.offset % alignment != 0)
    cursor.fail(at, "its data begin at offset " + std::to_string(tensor.offset) +
                        ", expected a multiple of the alignment, " + std::to_string(alignment));
  return tensor;
}

/// Makes offsets relative to the file and checks that all data lie within it.
void placeTensors(GgufFileCursor &cursor, std::vector<TensorInfo> &tensors, uint64_t fileSize,
                  uint64_t alignment) {
  cursor.enterSection("tensor data");
  uint64_t infosEnd = cursor.getPosition();
  uint64_t padding = (alignment - infosEnd % alignment) % alignment;
  uint64_t dataStart = infosEnd + std::min(padding, fileSize - infosEnd);
  for (TensorInfo &tensor : tensors) {
    cursor.enterItem("tensor", tensor.name);
    uint64_t available = fileSize - dataStart;
    if (tensor.offset > available || tensor.bytes > available - tensor.offset)
      cursor.failTruncated(dataStart, std::to_string(tensor.bytes) + " bytes at offset " +
                                          std::to_string(tensor.offset) + " do not fit in the " +
                                          std::to_string(available) + " bytes of tensor data");
    tensor.offset += dataStart;
  }
}

} // namespace

GgufFile::GgufFile(const std::string &path) : file(path) {
  GgufFileCursor cursor(file);
  Header header = readHeader(cursor);
  version = header.version;

  cursor.enterSection("metadata");
  for (uint64_t i = 0; i < header.entryCount; ++i) {
    uint64_t at = cursor.getPosition();
    std::string_view key = cursor.readString();
    cursor.enterItem("key", key);
    if (!metadata.try_emplace(std::string(key), readValue(cursor)).second)
      cursor.fail(at, "occurs a second time");
    cursor.leaveItem();
  }

  uint64_t alignment = getInteger("general.alignment").value_or(32);
  if (!std::has_single_bit(alignment) || alignment > std::numeric_limits<uint32_t>::max())
    throw Error(path + ": key 'general.alignment' is " + std::to_string(alignment) +
                ", expected a power of two of at most 32 bits");

  cursor.enterSection("tensor infos");
  tensors.reserve(header.tensorCount);
  for (uint64_t i = 0; i < header.tensorCount; ++i) {
    uint64_t at = cursor.getPosition();
    tensors.push_back(readTensorInfo(cursor, file.bytes().size(), alignment));
    if (!tensorIndex.try_emplace(tensors.back().name, i).second)
      cursor.fail(at, "occurs a second time");
    cursor.leaveItem();
  }
  placeTensors(cursor, tensors, file.bytes().size(), alignment);
}

const TensorInfo *GgufFile::findTensor(std::string_view name) const {
  auto found = tensorIndex.find(name);
  return found == tensorIndex.end() ? nullptr : &tensors[found->second];
}

} // namespace nyala::gguf
