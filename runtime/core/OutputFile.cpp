//===- OutputFile.cpp - Files that appear whole or not at all -------------===//

#include "runtime/core/OutputFile.h"
#include "runtime/core/Status.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nyala::rt {

OutputFile::OutputFile(const std::string &path) : path(path) {
  struct stat old;
  const bool replaces = stat(path.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode))
    fail(S_ISDIR(old.st_mode) ? "it is a directory" : "it is not a regular file");
  // Names of this process differ by the count; one that a killed process left is skipped.
  static std::atomic<unsigned> count = 0;
  do {
    aside = path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(count++);
    descriptor = open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor < 0 && errno == EEXIST);
  if (descriptor < 0)
    fail(describeError(errno));
  if (replaces)
    fchmod(descriptor, old.st_mode & 0777);
}

OutputFile::~OutputFile() {
  if (descriptor < 0)
    return;
  close(descriptor);
  unlink(aside.c_str());
}

void OutputFile::fail(const std::string &reason) const {
  throw Failure(NYALA_IO_ERROR, "cannot write '" + path + "': " + reason);
}

void OutputFile::write(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      fail(count < 0 ? describeError(errno) : "nothing was written");
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

void OutputFile::commit() {
  int error = 0;
  do
    error = fsync(descriptor) == 0 ? 0 : errno;
  while (error == EINTR);
  // Some file systems report a full disk only now; some cannot be asked.
  if (error != 0 && error != EINVAL && error != EROFS)
    fail(describeError(error));
  if (std::rename(aside.c_str(), path.c_str()) != 0)
    fail(describeError(errno));
  close(descriptor);
  descriptor = -1;
}

} // namespace nyala::rt
