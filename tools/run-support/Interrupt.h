//===- Interrupt.h - Ctrl-C -------------------------------------*- C++ -*-===//
//
// The first SIGINT asks the tool to end where it next looks; a second one ends
// it at once. Both exit with 130.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_RUNSUPPORT_INTERRUPT_H
#define NYALA_TOOLS_RUNSUPPORT_INTERRUPT_H

#include "runtime/nyala.h"

namespace nyala {

struct Interrupted {};

/// Installs the handler. System calls that wait are broken off (EINTR).
void catchInterrupts();

/// The session whose evaluation an interrupt cancels; null: none.
void setInterruptedSession(nyala_session *session);

/// While it lives a second interrupt does not end the tool: what is being written is finished.
class HeldInterrupts {
public:
  HeldInterrupts();
  ~HeldInterrupts();
  HeldInterrupts(const HeldInterrupts &) = delete;
  HeldInterrupts &operator=(const HeldInterrupts &) = delete;
};

bool wasInterrupted();
/// Throws Interrupted if there was an interrupt.
void throwIfInterrupted();

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_INTERRUPT_H
