//===- OutputFile.cpp - Files that appear whole or not at all -------------===//
#include "codegen/package/OutputFile.h"
#include "ir/storage/Error.h"

#include "llvm/ADT/StringExtras.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

using namespace nyala;
using namespace nyala::package;

OutputFile::OutputFile(std::string path) : path(std::move(path)) {
  // A device or a pipe must not be replaced by a file.
  llvm::sys::fs::file_status status;
  if (!llvm::sys::fs::status(this->path, status) &&
      status.type() != llvm::sys::fs::file_type::regular_file)
    fail(status.type() == llvm::sys::fs::file_type::directory_file ? "is a directory"
                                                                   : "is not a regular file");
  auto made = llvm::sys::fs::TempFile::create(this->path + ".tmp-%%%%%%");
  if (!made)
    fail(llvm::toString(made.takeError()));
  file.emplace(std::move(*made));
  // Temporary files are private; the result has the permissions of any new file.
  mode_t mask = umask(0);
  umask(mask);
  fchmod(file->FD, 0666 & ~mask);
}

OutputFile::~OutputFile() {
  if (file)
    llvm::consumeError(file->discard());
}

void OutputFile::fail(std::string reason) const {
  // The system's reasons are capitalized.
  reason.front() = llvm::toLower(reason.front());
  throw Error("cannot write '" + path + "': " + reason);
}

void OutputFile::write(uint64_t offset, llvm::ArrayRef<uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t written = pwrite(file->FD, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      fail(written == 0 ? "nothing was written" : std::strerror(errno));
    bytes = bytes.drop_front(written);
    offset += written;
  }
}

void OutputFile::commit() {
  // Some file systems report a full disk only now.
  if (fsync(file->FD) != 0 && errno != EINVAL && errno != EROFS)
    fail(std::strerror(errno));
  llvm::Error error = file->keep(path);
  file.reset();
  if (error)
    fail(llvm::toString(std::move(error)));
}
