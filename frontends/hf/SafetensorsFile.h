//===- SafetensorsFile.h - Reader of safetensors files ----------*- C++ -*-===//
//
// The length of a header (8 bytes, little-endian), the header (JSON: for each
// tensor its type, shape and range of bytes), the bytes of all tensors. The
// file is memory mapped; the header is checked as it is parsed, without a tree
// of it, so that no input can make the reader crash, recurse or allocate beyond
// a small multiple of the header's size. As the format demands, the ranges of
// all tensors are what their types and shapes need and cover the rest of the
// file without overlaps and holes. Their offsets need not be aligned.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_SAFETENSORSFILE_H
#define NYALA_FRONTENDS_HF_SAFETENSORSFILE_H

#include "ir/storage/MappedFile.h"
#include "ir/storage/StoredFormat.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::hf {

struct TensorInfo {
  std::string name;
  std::string type;                   ///< as the file spells it: "BF16"
  std::optional<StoredFormat> format; ///< nullopt: a type that nyala does not read
  std::vector<int64_t> shape;         ///< row-major; sizes may be 0, a scalar has none
  uint64_t offset;                    ///< in bytes from the start of the file
  uint64_t bytes;
};

class SafetensorsFile {
public:
  /// Throws nyala::Error naming the file, what was wrong and where.
  explicit SafetensorsFile(const std::string &path);

  const std::string &getPath() const { return file.getPath(); }
  std::span<const uint8_t> bytes() const { return file.bytes(); }
  /// In the order of their bytes.
  const std::vector<TensorInfo> &getTensors() const { return tensors; }
  const std::map<std::string, std::string> &getMetadata() const { return metadata; }
  /// Null if there is no such tensor.
  const TensorInfo *findTensor(std::string_view name) const;
  /// Lets the bytes of a tensor go that will not be read again soon.
  void release(const TensorInfo &tensor) const { file.release(tensor.offset, tensor.bytes); }

private:
  MappedFile file;
  std::vector<TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
  std::map<std::string_view, size_t> tensorIndex;
};

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_SAFETENSORSFILE_H
