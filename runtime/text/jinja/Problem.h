//===- Problem.h - Errors of the template evaluator -------------*- C++ -*-===//
//
// Inside the evaluator an error does not know its place: helpers throw Problem,
// and whoever holds the token or node turns it into a Failure with line and
// column. `refuse` is for what the template language itself calls an error,
// `unsupported` for what it allows and nyala does not know.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_PROBLEM_H
#define NYALA_RUNTIME_TEXT_JINJA_PROBLEM_H

#include "runtime/core/Status.h"

#include <cstdint>
#include <string>

namespace nyala::rt::jinja {

/// A place in the template's source, both counted from 1; columns count characters.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct Problem {
  nyala_status status;
  std::string message;

  Failure at(Position position) const {
    return Failure(status, "chat template, line " + std::to_string(position.line) + ", column " +
                               std::to_string(position.column) + ": " + message);
  }
};

[[noreturn]] inline void refuse(std::string message) {
  throw Problem{NYALA_INVALID_TEXT, std::move(message)};
}

[[noreturn]] inline void unsupported(std::string message) {
  throw Problem{NYALA_UNSUPPORTED, std::move(message)};
}

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_PROBLEM_H
