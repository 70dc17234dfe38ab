#include "ir/WriteOutput.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

/// A stream ends the program without a word if its error stays unread.
static Error takeError(raw_ostream &os) {
  os.flush();
  auto *file = dynamic_cast<raw_fd_ostream *>(&os);
  if (!file || !file->has_error())
    return Error::success();
  std::error_code error = file->error();
  file->clear_error();
  return errorCodeToError(error);
}

Error nyala::writeOutput(StringRef path, function_ref<Error(raw_ostream &)> write) {
  auto writeAndCheck = [&](raw_ostream &os) -> Error {
    if (Error error = write(os))
      return error;
    return takeError(os);
  };
  sys::fs::file_status status;
  bool special = path != "-" && !sys::fs::status(path, status) &&
                 status.type() != sys::fs::file_type::regular_file &&
                 status.type() != sys::fs::file_type::directory_file;
  if (!special)
    return writeToOutput(path, writeAndCheck);
  std::error_code error;
  raw_fd_ostream os(path, error);
  return error ? errorCodeToError(error) : writeAndCheck(os);
}
