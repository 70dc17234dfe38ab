//===- GgufFile.h - Reader of GGUF model files ------------------*- C++ -*-===//
//
// GGUF versions 2 and 3 (ggml project, docs/gguf.md there): a header, typed
// key-value metadata, tensor infos, aligned tensor data. The file is memory
// mapped; every count, offset and size is checked against the file before use,
// so that no input can make the reader crash, loop or allocate beyond a small
// multiple of the file's size. Stricter than the format: a tensor has 1 to 4
// dimensions of at least 1, bools are 0 or 1, keys and tensor names are unique.
// Tensors may share bytes, which is harmless to a reader.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_GGUF_GGUFFILE_H
#define NYALA_FRONTENDS_GGUF_GGUFFILE_H

#include "ir/storage/MappedFile.h"
#include "ir/storage/StoredFormat.h"
#include "ir/storage/TokenizerData.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nyala::gguf {

/// Arrays are kept by element type; arrays of arrays are refused. Strings are views into the file
/// (not necessarily valid UTF-8).
using Value = std::variant<uint64_t, int64_t, double, bool, std::string_view, std::vector<uint64_t>,
                           std::vector<int64_t>, std::vector<double>, std::vector<bool>,
                           std::vector<std::string_view>>;

struct TensorInfo {
  std::string name;
  /// Row-major: the slowest dimension first (GGUF stores them the other way round).
  std::vector<int64_t> shape;
  StoredFormat format;
  uint64_t offset; ///< in bytes from the start of the file
  uint64_t bytes;
};

class GgufFile {
public:
  /// Throws nyala::Error naming the file, what was wrong and at which byte offset.
  explicit GgufFile(const std::string &path);

  const std::string &getPath() const { return file.getPath(); }
  uint32_t getVersion() const { return version; }
  std::span<const uint8_t> bytes() const { return file.bytes(); }

  const std::map<std::string, Value, std::less<>> &getMetadata() const { return metadata; }
  const std::vector<TensorInfo> &getTensors() const { return tensors; }
  /// Null if there is no such tensor.
  const TensorInfo *findTensor(std::string_view name) const;

  /// Typed look-ups. An integer of any width or sign fits getInteger if its value does. A key of
  /// another type throws, naming key, expected and actual type. Absent: nullopt.
  std::optional<uint64_t> getInteger(std::string_view key) const;
  std::optional<double> getFloat(std::string_view key) const; ///< integers are accepted
  std::optional<bool> getBool(std::string_view key) const;
  std::optional<std::string_view> getString(std::string_view key) const;
  std::optional<std::vector<int64_t>> getIntegers(std::string_view key) const; ///< any width
  /// Null if absent.
  const std::vector<std::string_view> *getStrings(std::string_view key) const;

private:
  MappedFile file;
  uint32_t version = 0;
  std::map<std::string, Value, std::less<>> metadata;
  std::vector<TensorInfo> tensors;
  std::map<std::string, size_t, std::less<>> tensorIndex;
};

/// The file's tokenizer, checked (merges name existing tokens, ids in range). Nullopt if the file
/// has none at all; throws nyala::Error for one of another model or pre-tokenizer than those
/// supported, naming both.
std::optional<TokenizerData> readTokenizer(const GgufFile &file);

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_GGUFFILE_H
