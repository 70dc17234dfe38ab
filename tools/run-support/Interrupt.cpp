//===- Interrupt.cpp - Ctrl-C ---------------------------------------------===//

#include "tools/run-support/Interrupt.h"

#include <atomic>
#include <csignal>
#include <unistd.h>

namespace nyala {

static std::atomic<bool> interrupted = false;
static std::atomic<bool> held = false;
static std::atomic<nyala_session *> running = nullptr;
static_assert(std::atomic<bool>::is_always_lock_free &&
              std::atomic<nyala_session *>::is_always_lock_free);

static void onInterrupt(int) {
  if (interrupted.exchange(true) && !held.load())
    _exit(130);
  nyala_session_cancel(running.load());
}

void catchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

void setInterruptedSession(nyala_session *session) { running = session; }

HeldInterrupts::HeldInterrupts() { held = true; }

HeldInterrupts::~HeldInterrupts() { held = false; }

bool wasInterrupted() { return interrupted.load(); }

void throwIfInterrupted() {
  if (wasInterrupted())
    throw Interrupted();
}

} // namespace nyala
