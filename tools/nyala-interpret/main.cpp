//===- main.cpp - nyala-interpret: runs modules by their ops' meaning -----===//
#include "ir/storage/Error.h"
#include "tools/nyala-interpret/CommandLine.h"
#include "tools/nyala-interpret/Interpret.h"

#include <iostream>
#include <new>

int main(int argc, char **argv) {
  nyala::interpret::Options options;
  if (std::optional<int> code = nyala::interpret::parseCommandLine(argc, argv, options))
    return *code;
  try {
    return nyala::interpret::interpret(options) ? 0 : 1;
  } catch (const nyala::Error &error) {
    std::cerr << "nyala-interpret: error: " << error.what() << "\n";
  } catch (const std::bad_alloc &) {
    std::cerr << "nyala-interpret: error: out of memory\n";
  }
  return 1;
}
