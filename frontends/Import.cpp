#include "frontends/Import.h"
#include "frontends/gguf/GgufImport.h"
#include "frontends/hf/HfImport.h"
#include "frontends/hf/HfTokenizer.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <filesystem>

using namespace mlir;
using namespace nyala;

namespace {

struct Frontend {
  /// Both throw nyala::Error.
  OwningOpRef<ModuleOp> (*importModel)(MLIRContext &context, const std::string &path);
  std::optional<TokenizerData> (*importTokenizer)(const std::string &path);
};

struct FileFrontend {
  llvm::StringLiteral magic; ///< what its files start with, white space aside
  llvm::StringLiteral name;
  Frontend frontend;
};

constexpr FileFrontend fileFrontends[] = {
    {"GGUF", "GGUF", {gguf::importModel, gguf::importTokenizer}},
    {"{", "config.json", {hf::importConfig, hf::readTokenizerBeside}},
};

constexpr Frontend directoryFrontend = {hf::importModel, hf::readTokenizer};

} // namespace

static const Frontend &chooseFrontend(const std::string &path) {
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored))
    return directoryFrontend;
  MappedFile file(path);
  StringRef content = llvm::toStringRef(llvm::ArrayRef(file.bytes().data(), file.bytes().size()));
  const FileFrontend *chosen = llvm::find_if(fileFrontends, [&](const FileFrontend &entry) {
    return content.ltrim().starts_with(entry.magic);
  });
  if (chosen != std::end(fileFrontends))
    return chosen->frontend;

  std::string supported = llvm::join(
      llvm::map_range(fileFrontends, [](const FileFrontend &entry) { return entry.name.str(); }),
      " or ");
  if (content.empty())
    throw Error(path + ": the file is empty, expected a " + supported + " file");
  throw Error(path + ": not a model file that nyala reads: it starts with " +
              quote(content.take_front(8)) + ", expected a " + supported +
              " file; convert the model to GGUF, or give the whole directory of a Hugging Face "
              "checkpoint");
}

OwningOpRef<ModuleOp> nyala::importModel(MLIRContext &context, const std::string &path) {
  try {
    OwningOpRef<ModuleOp> module = chooseFrontend(path).importModel(context, path);
    if (failed(verify(*module)))
      return nullptr;
    return module;
  } catch (const Error &error) {
    emitError(UnknownLoc::get(&context), error.what());
    return nullptr;
  }
}

std::optional<TokenizerData> nyala::importTokenizer(const std::string &path) {
  return chooseFrontend(path).importTokenizer(path);
}
