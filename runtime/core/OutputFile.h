//===- OutputFile.h - Files that appear whole or not at all -----*- C++ -*-===//
#ifndef NYALA_RUNTIME_CORE_OUTPUTFILE_H
#define NYALA_RUNTIME_CORE_OUTPUTFILE_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nyala::rt {

/// Written beside its final place under another name, which ends in ".tmp-" and a number; commit()
/// renames it. Removed if it is destroyed before. All members throw Failure(NYALA_IO_ERROR), which
/// names the file and the operating system's reason.
class OutputFile {
public:
  /// Nothing but a regular file is replaced: a directory, a device or a pipe is refused. The new
  /// file has the permissions of the one that it replaces.
  explicit OutputFile(const std::string &path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  /// Bytes from `offset` on; gaps read as zeros.
  void write(uint64_t offset, std::span<const std::byte> bytes);
  /// Waits until the content is on the disk, so that after a power failure there is the old file
  /// or the new one.
  void commit();

private:
  [[noreturn]] void fail(const std::string &reason) const;

  std::string path;
  std::string aside;
  int descriptor = -1;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_OUTPUTFILE_H
