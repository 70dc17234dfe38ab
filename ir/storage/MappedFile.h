//===- MappedFile.h - Read-only memory mapping ------------------*- C++ -*-===//
//
// How file readers see a file: as bytes in memory that the kernel pages in.
// A file that another process shortens while it is mapped raises SIGBUS on
// access; nyala replaces files by renaming, which leaves mappings intact.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_STORAGE_MAPPEDFILE_H
#define NYALA_IR_STORAGE_MAPPEDFILE_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nyala {

/// A whole file mapped read-only and private. Move only; bytes() stays valid when moved.
class MappedFile {
public:
  /// Throws nyala::Error ("cannot open 'x': no such file or directory"). Directories and other
  /// non-regular files are refused; an empty file maps to an empty span.
  explicit MappedFile(const std::string &path);
  ~MappedFile();
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  std::span<const uint8_t> bytes() const { return {data, size}; }
  const std::string &getPath() const { return path; }

  /// Tells the kernel that a range will not be read again soon, so that a streaming reader's
  /// resident memory stays small. Only a hint: the bytes stay readable, what lies beyond the file
  /// is ignored, and neighbours on the range's first and last page are released with it.
  void release(size_t offset, size_t length) const;

private:
  std::string path;
  const uint8_t *data = nullptr;
  size_t size = 0;
};

} // namespace nyala

#endif // NYALA_IR_STORAGE_MAPPEDFILE_H
