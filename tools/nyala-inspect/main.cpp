// Shows what is in a compiled model.
#include "tools/nyala-inspect/Inspect.h"

int main(int argc, char **argv) {
  nyala::inspect::Options options;
  if (const std::optional<int> exitCode = nyala::inspect::parseOptions(argc, argv, options))
    return *exitCode;
  return nyala::inspect::run(options);
}
