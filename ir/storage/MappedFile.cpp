#include "ir/storage/MappedFile.h"
#include "ir/storage/Error.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nyala {

[[noreturn]] static void failToOpen(const std::string &path, int code) {
  std::string reason = std::generic_category().message(code);
  reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  throw Error("cannot open '" + path + "': " + reason);
}

MappedFile::MappedFile(const std::string &path) : path(path) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    failToOpen(path, errno);
  struct Closer {
    int descriptor;
    ~Closer() { close(descriptor); } // a mapping outlives its descriptor
  } closer{descriptor};

  struct stat status;
  if (fstat(descriptor, &status) != 0)
    failToOpen(path, errno);
  if (S_ISDIR(status.st_mode))
    throw Error("cannot open '" + path + "': is a directory, expected a file");
  if (!S_ISREG(status.st_mode))
    throw Error("cannot open '" + path + "': not a regular file, so it cannot be memory mapped");
  if (static_cast<uint64_t>(status.st_size) > std::numeric_limits<size_t>::max())
    failToOpen(path, EFBIG);
  if (status.st_size == 0)
    return; // mmap refuses a length of 0

  size_t length = static_cast<size_t>(status.st_size);
  void *mapping = mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (mapping == MAP_FAILED)
    failToOpen(path, errno);
  data = static_cast<const uint8_t *>(mapping);
  size = length;
}

MappedFile::~MappedFile() {
  if (data)
    munmap(const_cast<uint8_t *>(data), size);
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : path(std::move(other.path)), data(std::exchange(other.data, nullptr)),
      size(std::exchange(other.size, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(path, other.path);
  std::swap(data, other.data);
  std::swap(size, other.size);
  return *this;
}

void MappedFile::release(size_t offset, size_t length) const {
  if (offset >= size)
    return;
  size_t end = offset + std::min(length, size - offset);
  size_t start = offset - offset % static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (start < end)
    madvise(const_cast<uint8_t *>(data) + start, end - start, MADV_DONTNEED);
}

} // namespace nyala
