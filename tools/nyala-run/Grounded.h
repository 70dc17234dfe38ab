//===- Grounded.h - Text about data, with references ------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_GROUNDED_H
#define NYALA_TOOLS_NYALA_RUN_GROUNDED_H

#include "tools/nyala-run/Options.h"

namespace nyala {

/// Generates text about the data that the options name and renders it. `request`: what to write.
/// Throws rt::Failure, Interrupted.
void runGrounded(const RunOptions &options, const std::string &request);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_GROUNDED_H
