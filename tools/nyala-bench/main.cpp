// Measures how fast a compiled model runs.
#include "tools/nyala-bench/Bench.h"

int main(int argc, char **argv) {
  nyala::BenchOptions options;
  if (const std::optional<int> exitCode = nyala::parseOptions(argc, argv, options))
    return *exitCode;
  return nyala::bench(options);
}
