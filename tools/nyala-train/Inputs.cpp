#include "tools/nyala-train/Inputs.h"
#include "frontends/Import.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"
#include "tools/nyala-train/BpeTrainer.h"
#include "tools/nyala-train/Data.h"
#include "tools/nyala-train/TokenizerFiles.h"

#include <cstring>
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
  using Listener = llvm::function_ref<void(const std::string &)>;

  const std::string &getTokenizerPath() const {
    return options.tokenizer.empty() ? options.model : options.tokenizer;
  }
  void readTokenizer(bool isNeeded, Listener note);
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

/// What is tokens already needs none: one that nyala does not read is copied like the other files.
void InputReader::readTokenizer(bool isNeeded, Listener note) {
  try {
    tokenizer = importTokenizer(getTokenizerPath());
  } catch (const Error &error) {
    if (isNeeded)
      throw;
    note(std::string("the tokenizer is not read: ") + error.what());
    return;
  }
  if (!tokenizer && !options.tokenizer.empty())
    throw Error(options.tokenizer +
                ": has no tokenizer, expected a directory with tokenizer.json or a GGUF file with "
                "one");
}

bool isGguf(const std::string &path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    return false;
  MappedFile file(path);
  return file.bytes().size() >= 4 && std::memcmp(file.bytes().data(), "GGUF", 4) == 0;
}

std::optional<std::string> readFile(const fs::path &path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    return std::nullopt;
  MappedFile file(path.string());
  return std::string(file.bytes().begin(), file.bytes().end());
}

/// Files that the checkpoint has as they are. A tokenizer that has no such files is written.
void InputReader::copyTexts() {
  std::error_code ignored;
  auto copy = [&](const std::string &path, const char *name) {
    fs::path folder =
        fs::is_directory(path, ignored) ? fs::path(path) : fs::path(path).parent_path();
    std::optional<std::string> text = readFile(folder / name);
    if (text)
      inputs.texts[name] = *text;
    return text.has_value();
  };
  copy(options.model, "generation_config.json");
  bool isInFolder = options.bpe == 0 && (!tokenizer || !isGguf(getTokenizerPath()));
  if (isInFolder && copy(getTokenizerPath(), "tokenizer.json")) {
    for (const char *name :
         {"tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"})
      copy(getTokenizerPath(), name);
  } else if (tokenizer) {
    inputs.texts["tokenizer.json"] = makeTokenizerJson(*tokenizer);
    inputs.texts["tokenizer_config.json"] = makeTokenizerConfig(*tokenizer);
  }
}

std::vector<int32_t> InputReader::readTokens(const Data &data) const {
  std::vector<int32_t> tokens = tokenize(data, encoder.get(), inputs.model->getVocabulary());
  checkLength(data, tokens, static_cast<uint64_t>(options.step.length));
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
    readTokenizer(data.hasText() || eval.hasText(), note);
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
    note("the tokenizer has " + std::to_string(tokenizer->tokens.size()) + " tokens");
  if (inputs.model->getReplacedVocabulary())
    note("the model's vocabulary gets that size in place of the " +
         std::to_string(*inputs.model->getReplacedVocabulary()) + " of '" + options.model + "'");
  if (options.step.length > inputs.model->getContext())
    throw Error("a sequence of --seq " + std::to_string(options.step.length) +
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
