#include "frontends/hf/SafetensorsFile.h"
#include "frontends/hf/SafetensorsHeader.h"
#include "ir/storage/Error.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <tuple>

static_assert(std::endian::native == std::endian::little, "safetensors are read in place");

namespace nyala::hf {
namespace {

struct Type {
  std::string_view name;
  unsigned bits;
  std::optional<StoredFormat> format;
};

/// What the format defines (safetensors 0.6); of others the sizes cannot be checked.
constexpr Type types[] = {
    {"F32", 32, StoredFormat::F32},
    {"F16", 16, StoredFormat::F16},
    {"BF16", 16, StoredFormat::BF16},
    {"BOOL", 8, {}},
    {"U8", 8, {}},
    {"I8", 8, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E8M0", 8, {}},
    {"I16", 16, {}},
    {"U16", 16, {}},
    {"I32", 32, {}},
    {"U32", 32, {}},
    {"I64", 64, {}},
    {"U64", 64, {}},
    {"F64", 64, {}},
    {"C64", 64, {}},
    {"F4", 4, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
};

std::string formatRange(uint64_t begin, uint64_t end) {
  return std::to_string(begin) + " to " + std::to_string(end);
}

/// Where the tensors begin.
uint64_t readHeaderEnd(const MappedFile &file) {
  constexpr uint64_t lengthBytes = sizeof(uint64_t);
  // What the format allows; real headers are below a hundredth of it.
  constexpr uint64_t maxHeader = 100'000'000;
  std::span<const uint8_t> bytes = file.bytes();
  auto fail = [&](const std::string &message) { throw Error(file.getPath() + ": " + message); };
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (bytes.empty())
    fail("the file is empty, expected safetensors");
  if (text.starts_with("version https://git-lfs"))
    fail("is a pointer of Git LFS, not the file itself; fetch it with 'git lfs pull'");
  if (bytes.size() < lengthBytes)
    fail("truncated: the length of the header needs 8 bytes, the file has " +
         std::to_string(bytes.size()));
  uint64_t length;
  std::memcpy(&length, bytes.data(), lengthBytes);
  if (length > maxHeader)
    fail("not a safetensors file: it starts with a header's length of " + std::to_string(length) +
         ", expected at most " + std::to_string(maxHeader));
  if (length > bytes.size() - lengthBytes)
    fail("truncated: a header of " + std::to_string(length) + " bytes does not fit in the " +
         std::to_string(bytes.size() - lengthBytes) + " bytes after its length");
  if (length < 2 || text[lengthBytes] != '{')
    fail("not a safetensors file: its header is not a JSON object");
  return lengthBytes + length;
}

class TensorChecker {
public:
  TensorChecker(const std::string &path, uint64_t dataBegin, uint64_t dataEnd)
      : path(path), dataBegin(dataBegin), dataEnd(dataEnd) {}

  TensorInfo check(const std::string &name, const TensorEntry &entry) const {
    TensorInfo tensor;
    tensor.name = name;
    tensor.type = entry.type;
    for (uint64_t size : entry.shape)
      if (size > uint64_t(std::numeric_limits<int64_t>::max()))
        fail(name, "has a dimension of " + std::to_string(size));
      else
        tensor.shape.push_back(static_cast<int64_t>(size));

    uint64_t begin = entry.offsets[0], end = entry.offsets[1], size = dataEnd - dataBegin;
    if (begin > end || end > size)
      fail(name, "lies at bytes " + formatRange(begin, end) + " of the tensors' " +
                     std::to_string(size) + (begin > end ? "" : "; is the file truncated?"));
    tensor.offset = dataBegin + begin;
    tensor.bytes = end - begin;

    const Type *type = std::ranges::find(types, entry.type, &Type::name);
    if (type == std::end(types))
      return tensor;
    tensor.format = type->format;
    std::optional<uint64_t> needed = countBytes(tensor.shape, type->bits);
    if (!needed)
      fail(name, "has a shape of more bytes than can be counted");
    if (*needed != tensor.bytes)
      fail(name, "has " + std::to_string(tensor.bytes) + " bytes, expected " +
                     std::to_string(*needed) + " for its shape and type " + entry.type);
    return tensor;
  }

  /// `tensors` are in the order of their bytes.
  void checkCover(const std::vector<TensorInfo> &tensors) const {
    uint64_t end = dataBegin;
    for (const TensorInfo &tensor : tensors) {
      if (tensor.offset < end)
        fail(tensor.name, "shares bytes with the tensor before it");
      if (tensor.offset > end)
        fail(tensor.name, "comes after a hole of " + std::to_string(tensor.offset - end) +
                              " bytes, expected none");
      end += tensor.bytes;
    }
    if (end != dataEnd)
      throw Error(path + ": the file has " + std::to_string(dataEnd - end) +
                  " bytes after the last tensor, expected none");
  }

private:
  /// Nullopt if it does not fit in 64 bits.
  static std::optional<uint64_t> countBytes(const std::vector<int64_t> &shape, unsigned bits) {
    uint64_t count = bits;
    for (int64_t size : shape)
      if (size == 0)
        return 0;
    for (int64_t size : shape)
      if (__builtin_mul_overflow(count, static_cast<uint64_t>(size), &count))
        return std::nullopt;
    return count / 8 + (count % 8 != 0);
  }

  [[noreturn]] void fail(const std::string &tensor, const std::string &message) const {
    throw Error(path + ": tensor " + quote(tensor) + " " + message);
  }

  const std::string &path;
  uint64_t dataBegin, dataEnd;
};

} // namespace

SafetensorsFile::SafetensorsFile(const std::string &path) : file(path) {
  uint64_t begin = readHeaderEnd(file);
  const char *text = reinterpret_cast<const char *>(file.bytes().data());
  TensorChecker checker(getPath(), begin, file.bytes().size());
  Header header = parseHeader(getPath(), {text + sizeof(uint64_t), begin - sizeof(uint64_t)});
  metadata = std::move(header.metadata);
  for (const auto &[name, entry] : header.entries)
    tensors.push_back(checker.check(name, entry));
  std::ranges::sort(tensors, {}, [](const TensorInfo &tensor) {
    return std::tie(tensor.offset, tensor.bytes, tensor.name);
  });
  checker.checkCover(tensors);
  for (size_t i = 0; i < tensors.size(); ++i)
    tensorIndex[tensors[i].name] = i;
}

const TensorInfo *SafetensorsFile::findTensor(std::string_view name) const {
  auto found = tensorIndex.find(name);
  return found == tensorIndex.end() ? nullptr : &tensors[found->second];
}

} // namespace nyala::hf
