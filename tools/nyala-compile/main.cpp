// Compiles a model file to an artifact that nyala-run executes.
#include "tools/nyala-compile/Compiler.h"

int main(int argc, char **argv) {
  nyala::CompileOptions options;
  if (std::optional<int> exitCode = nyala::parseCommandLine(argc, argv, options))
    return *exitCode;
  return nyala::runCompiler(options);
}
