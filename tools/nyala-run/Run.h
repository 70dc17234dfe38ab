//===- Run.h - What nyala-run does ------------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_RUN_H
#define NYALA_TOOLS_NYALA_RUN_RUN_H

#include "tools/nyala-run/Options.h"

namespace nyala {

/// Runs the model as asked. Reports errors on standard error; returns the exit code.
int run(const RunOptions &options);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_RUN_H
