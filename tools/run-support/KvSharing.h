//===- KvSharing.h - Option --share-kv --------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_KVSHARING_H
#define NYALA_TOOLS_RUNSUPPORT_KVSHARING_H

#include <cstdint>
#include <string>
#include <vector>

namespace nyala {

/// Which layers share keys and values (docs/kv-sharing.md): one of a factor, a map, or a number of
/// caches to search for; -1 or empty: not asked for.
struct KvSharing {
  int64_t factor = -1;
  std::vector<int64_t> map;
  int64_t search = -1;
};

/// "2", "map:0,0,2,2" or "search:15". Throws CLI::ValidationError.
KvSharing parseKvSharing(const std::string &text);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_KVSHARING_H
