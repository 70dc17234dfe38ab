//===- Mapping.cpp - Files and memory mappings ----------------------------===//

#include "runtime/core/Mapping.h"
#include "runtime/core/Status.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace nyala::rt {

File::File(const std::string &path) : path(path) {
  // Non-blocking, so that opening a pipe nobody writes to is an error and not a wait.
  descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Failure(missing ? NYALA_NOT_FOUND : NYALA_IO_ERROR,
                  "cannot open '" + path + "': " + describeError(errno));
  }
  struct stat info;
  if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(descriptor);
    throw Failure(NYALA_IO_ERROR, "cannot read '" + path + "': expected a regular file, got " +
                                      (S_ISDIR(info.st_mode) ? "a directory" : "something else"));
  }
  size = static_cast<uint64_t>(info.st_size);
}

File::~File() {
  if (descriptor >= 0)
    close(descriptor);
}

File::File(File &&other) noexcept
    : path(std::move(other.path)), descriptor(std::exchange(other.descriptor, -1)),
      size(other.size) {}

void File::read(uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = pread(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      throw Failure(NYALA_IO_ERROR,
                    "cannot read '" + path +
                        "': " + (count < 0 ? describeError(errno) : "it became shorter meanwhile"));
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

Mapping::~Mapping() {
  if (base)
    munmap(base, length);
}

Mapping::Mapping(Mapping &&other) noexcept
    : base(std::exchange(other.base, nullptr)), length(std::exchange(other.length, 0)) {}

Mapping &Mapping::operator=(Mapping &&other) noexcept {
  std::swap(base, other.base);
  std::swap(length, other.length);
  return *this;
}

Mapping Mapping::ofFile(const File &file, uint64_t offset, uint64_t size, Access access) {
  if (size == 0)
    return {};
  int protection = PROT_READ | (access == Access::Execute ? PROT_EXEC : 0);
  void *base = mmap(nullptr, size, protection, MAP_PRIVATE, file.getDescriptor(),
                    static_cast<off_t>(offset));
  if (base == MAP_FAILED) {
    std::string message = "cannot map '" + file.getPath() + "': " + describeError(errno);
    if (access == Access::Execute && (errno == EPERM || errno == EACCES))
      message += " (its kernels must be executable: if its file system is mounted noexec, copy it "
                 "to another)";
    throw Failure(NYALA_IO_ERROR, message);
  }
  return {base, size};
}

Mapping Mapping::reserve(uint64_t size, const std::string &purpose) {
  if (size == 0)
    return {};
  void *base = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED)
    throw Failure(NYALA_OUT_OF_MEMORY, "cannot reserve " + std::to_string(size) + " bytes for " +
                                           purpose + ": " + describeError(errno));
  return {base, size};
}

} // namespace nyala::rt
