//===- OutputFile.h - Files that appear whole or not at all -----*- C++ -*-===//
#ifndef NYALA_CODEGEN_PACKAGE_OUTPUTFILE_H
#define NYALA_CODEGEN_PACKAGE_OUTPUTFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"

#include <memory>
#include <optional>
#include <string>

namespace nyala::package {

/// Written beside its final place under another name, renamed by commit(). Removed if it is
/// destroyed before, and when a signal ends the program.
class OutputFile {
public:
  /// Throws nyala::Error, like all members, naming the file and the system's reason.
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  const std::string &getPath() const { return path; }
  /// Bytes from `offset` on; gaps read as zeros.
  void write(uint64_t offset, llvm::ArrayRef<uint8_t> bytes);
  void commit();

private:
  [[noreturn]] void fail(std::string reason) const;

  std::string path;
  std::optional<llvm::sys::fs::TempFile> file;
};

} // namespace nyala::package

#endif // NYALA_CODEGEN_PACKAGE_OUTPUTFILE_H
