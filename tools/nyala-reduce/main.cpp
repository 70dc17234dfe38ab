// Makes a module that shows a bug smaller, as long as it shows it.
#include "tools/nyala-reduce/Reduce.h"

int main(int argc, char **argv) {
  nyala::ReduceOptions options;
  if (std::optional<int> exitCode = nyala::parseCommandLine(argc, argv, options))
    return *exitCode;
  return nyala::runReduce(options);
}
