//===- Tool.cpp - The frame of programs that run models -------------------===//

#include "tools/run-support/Tool.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/ModelCache.h"
#include "tools/run-support/Output.h"

#include <csignal>
#include <new>
#include <string>

namespace nyala {

int runTool(const char *tool, const std::function<void()> &body) {
  setToolName(tool);
  catchInterrupts();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    body();
    return 0;
  } catch (const OutputClosed &) {
    return 0;
  } catch (const Interrupted &) {
    return 130;
  } catch (const CompilationFailed &failure) {
    return failure.exitCode;
  } catch (const std::bad_alloc &) {
    writeMessage("error: out of memory");
  } catch (const std::exception &error) {
    writeMessage("error: " + std::string(error.what()));
  }
  return 1;
}

} // namespace nyala
