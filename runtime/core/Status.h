//===- Status.h - Failures inside the runtime -------------------*- C++ -*-===//
//
// What the runtime's C++ parts throw for everything a caller, a file or the
// machine can cause; runtime/core/CApi.cpp turns it into the status and the
// message. Messages are lower case and name the thing, what was expected, what
// was got, and what to do.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_STATUS_H
#define NYALA_RUNTIME_CORE_STATUS_H

#include "runtime/nyala.h"

#include <cstdint>
#include <stdexcept>
#include <string>

namespace nyala::rt {

class Failure : public std::runtime_error {
public:
  Failure(nyala_status status, const std::string &message)
      : std::runtime_error(message), status(status) {}

  nyala_status getStatus() const { return status; }

private:
  nyala_status status;
};

/// An option as a caller gave it: `asked`, or `standard` for 0. NYALA_INVALID_ARGUMENT above
/// `maximum`.
uint32_t chooseOption(uint32_t asked, uint32_t standard, uint32_t maximum, const char *what);

/// What the operating system says of an errno: "no such file or directory" for ENOENT.
std::string describeError(int error);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_STATUS_H
