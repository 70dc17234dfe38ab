//===- Error.h - Errors in input and environment ----------------*- C++ -*-===//
//
// Thrown by the plain C++ parts (storage, file readers, artifact writer) for
// what a user can cause: a bad file, a full disk. Tools print the message and
// exit with 1. Messages are lower case and name the thing, what was expected
// and what was got, and what to do.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_STORAGE_ERROR_H
#define NYALA_IR_STORAGE_ERROR_H

#include <stdexcept>
#include <string>
#include <string_view>

namespace nyala {

class Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Text that came from a file, in single quotes for a message: anything but printable ASCII is
/// escaped and the rest of a long text left out, so that a hostile name cannot garble a terminal.
std::string quote(std::string_view text);

} // namespace nyala

#endif // NYALA_IR_STORAGE_ERROR_H
