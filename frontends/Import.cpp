#include "frontends/Import.h"
#include "frontends/gguf/GgufImport.h"
#include "frontends/hf/HfImport.h"
#include "frontends/hf/HfTokenizer.h"
#include "frontends/onnx/OnnxImport.h"
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
  /// All throw nyala::Error.
  OwningOpRef<ModuleOp> (*importModel)(MLIRContext &context, const std::string &path);
  std::optional<TokenizerData> (*importTokenizer)(const std::string &path);
  /// Of those whose models leave sizes open, instead of importModel.
  OwningOpRef<ModuleOp> (*importSized)(MLIRContext &context, const std::string &path,
                                       const ModelSizes &sizes) = nullptr;
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

std::optional<TokenizerData> importNoTokenizer(const std::string &path) { return std::nullopt; }

constexpr Frontend directoryFrontend = {hf::importModel, hf::readTokenizer};
constexpr Frontend onnxFrontend = {nullptr, importNoTokenizer, onnx::importModel};

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
  if (onnx::isModel(content) ||
      (!content.empty() && StringRef(path).ends_with_insensitive(".onnx")))
    return onnxFrontend;

  std::string supported = llvm::join(
      llvm::map_range(fileFrontends, [](const FileFrontend &entry) { return entry.name.str(); }),
      ", ");
  supported += " or ONNX";
  if (content.empty())
    throw Error(path + ": the file is empty, expected a " + supported + " file");
  throw Error(path + ": not a model file that nyala reads: it starts with " +
              quote(content.take_front(8)) + ", expected a " + supported +
              " file; convert the model to one, or give the whole directory of a Hugging Face "
              "checkpoint");
}

/// Throws nyala::Error.
static OwningOpRef<ModuleOp> import(MLIRContext &context, const std::string &path,
                                    const ModelSizes &sizes) {
  const Frontend &frontend = chooseFrontend(path);
  if (frontend.importSized)
    return frontend.importSized(context, path, sizes);
  if (sizes.batch || !sizes.named.empty())
    throw Error(path + ": a batch and sizes can be given of an ONNX graph alone");
  return frontend.importModel(context, path);
}

OwningOpRef<ModuleOp> nyala::importModel(MLIRContext &context, const std::string &path,
                                         const ModelSizes &sizes) {
  try {
    OwningOpRef<ModuleOp> module = import(context, path, sizes);
    if (failed(verify(*module)))
      return nullptr;
    return module;
  } catch (const Error &error) {
    emitError(UnknownLoc::get(&context), error.what());
    return nullptr;
  }
}

bool nyala::leavesSizesOpen(const std::string &path) {
  return chooseFrontend(path).importSized != nullptr;
}

std::optional<TokenizerData> nyala::importTokenizer(const std::string &path) {
  return chooseFrontend(path).importTokenizer(path);
}
