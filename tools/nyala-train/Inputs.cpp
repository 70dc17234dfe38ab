#include "tools/nyala-train/Inputs.h"
#include "frontends/Import.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"
#include "tools/nyala-train/BpeTrainer.h"
#include "tools/nyala-train/Data.h"
#include "tools/nyala-train/TokenizerFiles.h"

#include <filesystem>

namespace fs = std::filesystem;

namespace nyala::train {
namespace {

class InputReader {
public:
  InputReader(const TrainOptions &options, Inputs &inputs) : options(options), inputs(inputs) {}

  bool read(mlir::MLIRContext &context, llvm::function_ref<void(const std::string &)> progress,
            llvm::function_ref<void(const std::string &)> note);

private:
  void trainTokenizer(const Data &data);
  void readTokenizer();
  void copyTexts();
  std::vector<int32_t> readTokens(const Data &data) const;

  const TrainOptions &options;
  Inputs &inputs;
  std::optional<TokenizerData> tokenizer;
  std::unique_ptr<TextEncoder> encoder;
};

void InputReader::trainTokenizer(const Data &data) {
  std::vector<std::string_view> texts;
  for (const Document &document : data.documents)
    if (document.isText)
      texts.push_back(document.text);
  if (texts.empty())
    throw Error(data.path + ": holds no text to train a tokenizer on");
  tokenizer = trainBpe(texts, options.bpe);
}

void InputReader::readTokenizer() {
  const std::string &path = options.tokenizer.empty() ? options.model : options.tokenizer;
  tokenizer = importTokenizer(path);
  if (!tokenizer && !options.tokenizer.empty())
    throw Error(path + ": has no tokenizer, expected a directory with tokenizer.json or a GGUF "
                       "file with one");
}

std::optional<std::string> readFile(const fs::path &path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    return std::nullopt;
  MappedFile file(path.string());
  return std::string(file.bytes().begin(), file.bytes().end());
}

/// Files of the model that the checkpoint has as they are; those of a tokenizer that came with the
/// model too, others are written anew.
void InputReader::copyTexts() {
  std::error_code ignored;
  auto getFolder = [&](const std::string &path) {
    return fs::is_directory(path, ignored) ? fs::path(path) : fs::path(path).parent_path();
  };
  if (std::optional<std::string> text =
          readFile(getFolder(options.model) / "generation_config.json"))
    inputs.texts["generation_config.json"] = *text;
  if (!tokenizer)
    return;
  const std::string &source = options.tokenizer.empty() ? options.model : options.tokenizer;
  std::optional<std::string> json;
  if (options.bpe == 0)
    json = readFile(getFolder(source) / "tokenizer.json");
  if (!json || fs::path(source).extension() == ".gguf") {
    inputs.texts["tokenizer.json"] = makeTokenizerJson(*tokenizer);
    inputs.texts["tokenizer_config.json"] = makeTokenizerConfig(*tokenizer);
    return;
  }
  inputs.texts["tokenizer.json"] = *json;
  for (const char *name :
       {"tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"})
    if (std::optional<std::string> text = readFile(getFolder(source) / name))
      inputs.texts[name] = *text;
}

std::vector<int32_t> InputReader::readTokens(const Data &data) const {
  std::vector<int32_t> tokens = tokenize(data, encoder.get(), inputs.model->getVocabulary());
  checkLength(data, tokens, static_cast<uint64_t>(options.length));
  return tokens;
}

bool InputReader::read(mlir::MLIRContext &context,
                       llvm::function_ref<void(const std::string &)> progress,
                       llvm::function_ref<void(const std::string &)> note) {
  progress("reading data");
  Data data = readData(options.data), eval;
  if (!options.eval.empty())
    eval = readData(options.eval);
  if (options.bpe > 0) {
    progress("training the tokenizer");
    trainTokenizer(data);
  } else {
    readTokenizer();
  }
  ModelRequest request{.path = options.model, .sharing = options.sharing};
  request.resizes = options.bpe > 0;
  request.isOther = options.bpe > 0 || !options.tokenizer.empty();
  if (tokenizer)
    request.tokenizer = &*tokenizer;
  inputs.model = TrainedModel::read(context, request);
  if (!inputs.model)
    return false;
  if (options.bpe > 0)
    note("the tokenizer has " + std::to_string(tokenizer->tokens.size()) +
         " tokens, which is the size of the model's vocabulary" +
         (inputs.model->getReplacedVocabulary()
              ? " in place of the " + std::to_string(*inputs.model->getReplacedVocabulary()) +
                    " of '" + options.model + "'"
              : ""));
  if (options.length > inputs.model->getContext())
    throw Error("a sequence of --seq " + std::to_string(options.length) +
                " tokens is longer than the model's context of " +
                std::to_string(inputs.model->getContext()));
  progress("tokenizing");
  if (tokenizer)
    encoder = std::make_unique<TextEncoder>(*tokenizer);
  inputs.tokens = readTokens(data);
  if (!options.eval.empty())
    inputs.evalTokens = readTokens(eval);
  copyTexts();
  inputs.texts["config.json"] = inputs.model->getConfig().dump(2) + "\n";
  return true;
}

} // namespace

bool readInputs(mlir::MLIRContext &context, const TrainOptions &options, Inputs &inputs,
                llvm::function_ref<void(const std::string &)> progress,
                llvm::function_ref<void(const std::string &)> note) {
  return InputReader(options, inputs).read(context, progress, note);
}

} // namespace nyala::train
