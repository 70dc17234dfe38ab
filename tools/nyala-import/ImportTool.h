//===- ImportTool.h - What nyala-import does --------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_IMPORT_IMPORTTOOL_H
#define NYALA_TOOLS_NYALA_IMPORT_IMPORTTOOL_H

#include "frontends/Import.h"

#include <string>

namespace nyala {

struct ImportOptions {
  std::string model;
  std::string output = "-"; ///< "-": standard output
  bool bytecode = false;
  bool locations = false;
  ModelSizes sizes;
};

/// Imports the model and writes the module: a file only when it is complete, by renaming. Reports
/// to standard error; returns the tool's exit code.
int runImport(const ImportOptions &options);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_IMPORT_IMPORTTOOL_H
