// Generates text with a compiled model.
#include "tools/nyala-run/Run.h"

int main(int argc, char **argv) {
  nyala::RunOptions options;
  if (const std::optional<int> exitCode = nyala::parseOptions(argc, argv, options))
    return *exitCode;
  return nyala::run(options);
}
