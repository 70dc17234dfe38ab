//===- ModelCache.h - Compiled forms of models ------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_MODELCACHE_H
#define NYALA_TOOLS_RUNSUPPORT_MODELCACHE_H

#include "tools/run-support/Model.h"

namespace nyala {

/// nyala-compile failed; it has said why on standard error.
struct CompilationFailed {
  int exitCode;
};

/// Opens an artifact; or a GGUF file (told by its first bytes) or the directory of a checkpoint,
/// which is compiled by the nyala-compile beside this program unless the cache
/// ($XDG_CACHE_HOME/nyala, ~/.cache/nyala) has the result of the same files, compiler, CPU and kind
/// of device. A damaged cache entry is made anew. Throws rt::Failure or CompilationFailed.
Model openModel(const std::string &path, const DeviceChoice &choice);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_MODELCACHE_H
