//===- TokenizerFiles.h - Small tokenizers for tests ------------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_HF_TOKENIZERFILES_H
#define NYALA_TEST_UNIT_HF_TOKENIZERFILES_H

#include "frontends/hf/HfTokenizer.h"
#include "ir/storage/Error.h"

#include <nlohmann/json.hpp>

namespace nyala::hf::test {

/// A sound tokenizer, for tests to change: "a", "b", "ab", " ", " a", and a Control token.
inline nlohmann::json makeTokenizerJson() {
  return nlohmann::json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 5, "content": "<s>", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                      "use_regex": true},
    "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false,
                       "use_regex": true},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
                "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false,
              "ignore_merges": false,
              "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "\u0120a": 4},
              "merges": ["a b", ["\u0120", "a"]]}})");
}

struct Files {
  nlohmann::json tokenizer = makeTokenizerJson();
  nlohmann::json tokenizerConfig = nullptr; ///< null: no such file
  nlohmann::json specialTokensMap = nullptr, config = nullptr, generationConfig = nullptr;
  std::optional<std::string> chatTemplate = {};

  TokenizerData read() const {
    auto dump = [](const nlohmann::json &file) {
      return file.is_null() ? std::optional<std::string>() : file.dump();
    };
    return readTokenizer(TokenizerFiles{.directory = "m",
                                        .tokenizer = tokenizer.dump(),
                                        .tokenizerConfig = dump(tokenizerConfig),
                                        .specialTokensMap = dump(specialTokensMap),
                                        .config = dump(config),
                                        .generationConfig = dump(generationConfig),
                                        .chatTemplate = chatTemplate});
  }
  std::string getMessage() const {
    try {
      read();
    } catch (const Error &error) {
      return error.what();
    }
    return "nothing was thrown";
  }
};

} // namespace nyala::hf::test

#endif // NYALA_TEST_UNIT_HF_TOKENIZERFILES_H
