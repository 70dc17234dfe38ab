#include "frontends/Import.h"
#include "frontends/gguf/GgufImport.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nyala;

namespace {

struct Frontend {
  llvm::StringLiteral magic; ///< what its files start with
  /// Both throw nyala::Error.
  OwningOpRef<ModuleOp> (*importModel)(MLIRContext &context, const std::string &path);
  std::optional<TokenizerData> (*importTokenizer)(const std::string &path);
};

const Frontend frontends[] = {
    {"GGUF", gguf::importModel, gguf::importTokenizer},
};

} // namespace

static const Frontend &chooseFrontend(const std::string &path) {
  MappedFile file(path);
  StringRef content = llvm::toStringRef(llvm::ArrayRef(file.bytes().data(), file.bytes().size()));
  const Frontend *chosen = llvm::find_if(
      frontends, [&](const Frontend &frontend) { return content.starts_with(frontend.magic); });
  if (chosen != std::end(frontends))
    return *chosen;

  std::string supported = llvm::join(
      llvm::map_range(frontends, [](const Frontend &frontend) { return frontend.magic.str(); }),
      " or ");
  if (content.empty())
    throw Error(path + ": the file is empty, expected a " + supported + " model");
  throw Error(path + ": not a model file that nyala reads: it starts with " +
              quote(content.take_front(8)) + ", expected the magic of a " + supported +
              " file; convert the model to " + supported);
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
