//===- Inspect.h - What nyala-inspect does ----------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_INSPECT_H
#define NYALA_TOOLS_NYALA_INSPECT_INSPECT_H

#include "tools/nyala-inspect/Options.h"

namespace nyala::inspect {

/// Opens the artifact with all of the runtime's checks, or the report, and prints what the options
/// ask for. Returns the exit code.
int run(const Options &options);

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_INSPECT_H
