#include "tools/evaluation/TemporaryArtifact.h"
#include "ir/storage/Error.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"

using namespace nyala;

TemporaryArtifact::TemporaryArtifact(const std::string &prefix) {
  llvm::SmallString<128> created;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile(prefix, "nyala", created))
    throw Error("cannot create a temporary artifact: " + error.message() + "; set TMPDIR");
  path = created.str().str();
  for (const std::string &file : {path, getWeights()})
    llvm::sys::RemoveFileOnSignal(file);
}

TemporaryArtifact::~TemporaryArtifact() {
  for (const std::string &file : {path, getWeights()}) {
    [[maybe_unused]] std::error_code ignored = llvm::sys::fs::remove(file);
    llvm::sys::DontRemoveFileOnSignal(file);
  }
}
