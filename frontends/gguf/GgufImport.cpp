#include "frontends/gguf/GgufImport.h"
#include "frontends/ModelBuilder.h"
#include "frontends/gguf/Architectures.h"
#include "frontends/gguf/GgufHyperparameters.h"
#include "frontends/gguf/GgufWeights.h"
#include "ir/NyalaDialect.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <filesystem>

using namespace mlir;

namespace nyala::gguf {
namespace {

const Architecture &chooseArchitecture(const GgufFile &file) {
  std::string supported = llvm::join(
      llvm::map_range(getArchitectures(),
                      [](const Architecture &entry) { return "'" + entry.name.str() + "'"; }),
      ", ");
  std::optional<std::string_view> name = file.getString("general.architecture");
  if (!name)
    throw Error(file.getPath() +
                ": key 'general.architecture' is missing, expected one of: " + supported);
  for (const Architecture &entry : getArchitectures())
    if (entry.name == StringRef(*name))
      return entry;
  throw Error(file.getPath() + ": architecture " + quote(*name) +
              " is not supported, expected one of: " + supported);
}

/// A model cut into several files (gguf-split) has only some of its tensors in each.
void refuseSplitFile(const GgufFile &file) {
  uint64_t parts = file.getInteger("split.count").value_or(0);
  if (parts > 1)
    throw Error(file.getPath() + ": is one of " + std::to_string(parts) +
                " parts of a model, expected a whole one; merge them (gguf-split --merge)");
}

/// Is there something for readTokenizer to read? Models that are fed token ids say "none", or
/// "no_vocab" in older files.
bool hasTokenizer(const GgufFile &file) {
  std::optional<std::string_view> model = file.getString("tokenizer.ggml.model");
  if (!model)
    return file.getStrings("tokenizer.ggml.tokens") != nullptr;
  return *model != "none" && *model != "no_vocab";
}

} // namespace

OwningOpRef<ModuleOp> importModel(MLIRContext &context, const std::string &path) {
  context.loadDialect<NyalaDialect, arith::ArithDialect, func::FuncDialect>();
  std::string absolutePath = std::filesystem::absolute(path).lexically_normal().string();
  GgufFile file(path);
  refuseSplitFile(file);
  const Architecture &architecture = chooseArchitecture(file);

  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  GgufWeights weights(file, absolutePath);
  GgufHyperparameters keys(file, architecture.name.str());
  ModelBuilder builder(*module, weights, architecture.name);
  builder.addFact("architecture", architecture.name);
  std::optional<std::string_view> name = file.getString("general.name");
  builder.addFact("name", name ? std::string(*name) : std::filesystem::path(path).stem().string());
  architecture.build(builder, keys);
  builder.finish(file.getPath(), keys.getUnread());

  if (hasTokenizer(file))
    module.get()->setAttr(NyalaDialect::kTokenizerAttr, StringAttr::get(&context, absolutePath));
  return module;
}

std::optional<TokenizerData> importTokenizer(const std::string &path) {
  return readTokenizer(GgufFile(path));
}

} // namespace nyala::gguf
