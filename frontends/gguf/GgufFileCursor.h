//===- GgufFileCursor.h - Bounds-checked reading of a GGUF file -*- C++ -*-===//
//
// Internal to the GGUF reader: reads little-endian scalars and strings one
// after the other and turns any overrun into a nyala::Error that says where.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_GGUF_GGUFFILECURSOR_H
#define NYALA_FRONTENDS_GGUF_GGUFFILECURSOR_H

#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"

#include <bit>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "GGUF scalars are read in place");

namespace nyala::gguf {

class GgufFileCursor {
public:
  explicit GgufFileCursor(const MappedFile &file) : path(file.getPath()), bytes(file.bytes()) {}

  uint64_t getPosition() const { return position; }
  uint64_t getRemaining() const { return bytes.size() - position; }

  /// The part of the file that errors name: "header", "metadata", "tensor infos".
  void enterSection(std::string_view name) {
    section = name;
    leaveItem();
  }
  /// The item of the section that errors name, for example ("key", "general.name").
  void enterItem(std::string_view kind, std::string_view name) {
    itemKind = kind;
    itemName = name;
  }
  void leaveItem() { itemKind = {}; }

  /// `what` is read next ("a string's length").
  template <typename T> T read(std::string_view what) {
    require(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes.data() + position, sizeof(T));
    position += sizeof(T);
    return value;
  }

  /// A length of 64 bits and so many bytes; a view into the file.
  std::string_view readString() {
    uint64_t length = read<uint64_t>("the length of a string");
    require(length, "a string");
    std::string_view text(reinterpret_cast<const char *>(bytes.data()) + position, length);
    position += length;
    return text;
  }

  /// A count of `things`, each of which takes up at least `minBytes` in the rest of the file, less
  /// the `reservedBytes` that other things need: so it is safe to allocate by it.
  uint64_t readCount(std::string_view things, uint64_t minBytes, uint64_t reservedBytes = 0) {
    uint64_t at = position;
    uint64_t count = read<uint64_t>("a count");
    uint64_t available = getRemaining() > reservedBytes ? getRemaining() - reservedBytes : 0;
    if (count > available / minBytes)
      failTruncated(at, std::to_string(count) + " " + std::string(things) + " of at least " +
                            std::to_string(minBytes) + " bytes each do not fit in the " +
                            std::to_string(available) + " bytes left for them");
    return count;
  }

  /// Throws "FILE: SECTION at byte N: ITEM: message".
  [[noreturn]] void fail(uint64_t at, const std::string &message) const {
    throw Error(path + ": " + describe(at) + message);
  }
  [[noreturn]] void failTruncated(uint64_t at, const std::string &message) const {
    throw Error(path + ": truncated in " + describe(at) + message);
  }

private:
  void require(uint64_t size, std::string_view what) const {
    if (size > getRemaining())
      failTruncated(position, std::string(what) + " needs " + std::to_string(size) + " bytes, " +
                                  std::to_string(getRemaining()) + " are left");
  }
  std::string describe(uint64_t at) const {
    std::string text = std::string(section) + " at byte " + std::to_string(at) + ": ";
    if (!itemKind.empty())
      text += std::string(itemKind) + " " + quote(itemName) + ": ";
    return text;
  }

  const std::string &path;
  std::span<const uint8_t> bytes;
  uint64_t position = 0;
  std::string_view section = "header", itemKind, itemName;
};

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_GGUFFILECURSOR_H
