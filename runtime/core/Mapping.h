//===- Mapping.h - Files and memory mappings --------------------*- C++ -*-===//
//
// Owners of a file descriptor and of an mmap'ed range. All failures are
// rt::Failure with the path and the operating system's reason.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_MAPPING_H
#define NYALA_RUNTIME_CORE_MAPPING_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nyala::rt {

/// A regular file, open for reading. Move only.
class File {
public:
  /// NYALA_NOT_FOUND if it does not exist, NYALA_IO_ERROR if it cannot be read or is no regular
  /// file (a directory, a pipe).
  explicit File(const std::string &path);
  ~File();
  File(File &&other) noexcept;
  File &operator=(File &&) = delete;

  int getDescriptor() const { return descriptor; }
  uint64_t getSize() const { return size; }
  const std::string &getPath() const { return path; }
  /// Fills `bytes` from `offset` on. NYALA_IO_ERROR, also if the file ends before.
  void read(uint64_t offset, std::span<std::byte> bytes) const;

private:
  std::string path;
  int descriptor = -1;
  uint64_t size = 0;
};

/// A mapped range; empty by default. Move only.
class Mapping {
public:
  enum class Access { Read, Execute };

  Mapping() = default;
  ~Mapping();
  Mapping(Mapping &&other) noexcept;
  Mapping &operator=(Mapping &&other) noexcept;

  /// Maps `size` bytes of the file from `offset` (page aligned, within the file), privately.
  static Mapping ofFile(const File &file, uint64_t offset, uint64_t size, Access access);

  /// Reserves zeroed memory that is committed page by page when first written. `purpose` names it
  /// in the error ("the kv cache"). NYALA_OUT_OF_MEMORY if there is no address space for it.
  static Mapping reserve(uint64_t size, const std::string &purpose);

  std::byte *data() const { return base; }
  size_t size() const { return length; }
  std::span<const std::byte> bytes() const { return {base, length}; }

private:
  Mapping(void *base, size_t length) : base(static_cast<std::byte *>(base)), length(length) {}

  std::byte *base = nullptr;
  size_t length = 0;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_MAPPING_H
