//===- Context.h - What one rendering owns ----------------------*- C++ -*-===//
//
// A template comes from a model file and is not trusted: every step it takes and
// every byte or element it makes is paid for from a budget that grows with the
// messages, so that no template runs or grows without end.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_CONTEXT_H
#define NYALA_RUNTIME_TEXT_JINJA_CONTEXT_H

#include "runtime/text/jinja/Problem.h"
#include "runtime/text/jinja/Value.h"

#include <ctime>
#include <deque>
#include <functional>

namespace nyala::rt::jinja {

/// The local time, for strftime_now.
using Clock = std::function<std::tm()>;

class Context {
public:
  /// `inputBytes`: length of all variables' text.
  Context(uint64_t inputBytes, Clock clock)
      : work((uint64_t{1} << 25) + 256 * inputBytes), clock(std::move(clock)) {}

  /// Pays for `amount` steps, bytes or elements, before they are made.
  void spend(uint64_t amount) {
    if (amount > work)
      refuse("the template does more work than nyala allows for messages of this size");
    work -= amount;
  }

  /// A list element costs what it occupies.
  void spendElements(uint64_t count) {
    spend(count > UINT64_MAX / sizeof(Value) ? UINT64_MAX : count * sizeof(Value));
  }

  Namespace *makeNamespace() {
    spend(sizeof(Namespace));
    return &namespaces.emplace_back();
  }

  std::tm now() const { return clock(); }

private:
  uint64_t work;
  Clock clock;
  std::deque<Namespace> namespaces;
};

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_CONTEXT_H
