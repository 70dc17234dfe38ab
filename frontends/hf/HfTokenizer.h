//===- HfTokenizer.h - Tokenizer of a Hugging Face model --------*- C++ -*-===//
//
// Byte-level BPE from tokenizer.json and what other files of the directory add
// to it. docs/tokenizers.md says what is read, and what is refused.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_HFTOKENIZER_H
#define NYALA_FRONTENDS_HF_HFTOKENIZER_H

#include "ir/storage/TokenizerData.h"

#include <optional>
#include <string>

namespace nyala::hf {

/// The tokenizer of the model in a directory; nullopt if there is no tokenizer.json. It has as many
/// tokens as config.json's vocab_size says (if there is one): those that tokenizer.json lacks are
/// Unused. Throws nyala::Error that names the file and the place in it.
std::optional<TokenizerData> readTokenizer(const std::string &directory);

/// That of the directory which the file config.json is in.
std::optional<TokenizerData> readTokenizerBeside(const std::string &configPath);

/// Contents of a directory's files; nullopt: there is no such file.
struct TokenizerFiles {
  std::string directory; ///< for messages
  std::string tokenizer;
  std::optional<std::string> tokenizerConfig, specialTokensMap, config, generationConfig;
  std::optional<std::string> chatTemplate; ///< chat_template.jinja
};
TokenizerData readTokenizer(const TokenizerFiles &files);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_HFTOKENIZER_H
