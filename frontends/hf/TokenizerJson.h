//===- TokenizerJson.h - tokenizer.json -------------------------*- C++ -*-===//
//
// The file in which the Rust library `tokenizers` keeps a tokenizer (format:
// huggingface/tokenizers, tokenizers/src/tokenizer/serialization.rs and the
// serializations of its parts).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_TOKENIZERJSON_H
#define NYALA_FRONTENDS_HF_TOKENIZERJSON_H

#include "frontends/hf/JsonValue.h"
#include "frontends/text/Vocabulary.h"
#include "ir/storage/TokenizerData.h"

#include <string>
#include <vector>

namespace nyala::hf {

/// More ids than these that no token has are taken for an error.
constexpr size_t maxUnusedTokens = 1 << 18;

struct TokenizerJson {
  TokenizerData data;             ///< without what other files say: bos, eos, stops, chatTemplate
  TokenIds ids;                   ///< of vocabulary and added tokens; views the file
  std::optional<uint32_t> prefix; ///< the token that the post-processor puts before a text
};

/// Throws nyala::Error.
TokenizerJson readTokenizerJson(const JsonDocument &file);

/// `pre_tokenizer` as patterns (runtime/text/SplitPattern.h). Throws nyala::Error for what is not a
/// sequence of Split, Digits and, last, ByteLevel.
std::vector<std::string> readSplits(const JsonValue &root);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_TOKENIZERJSON_H
