//===- TextEncoder.h - Text to tokens, before there is an artifact -*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_TEXTENCODER_H
#define NYALA_TOOLS_NYALA_TRAIN_TEXTENCODER_H

#include "codegen/package/TokenizerWriter.h"
#include "runtime/text/Tokenizer.h"

#include <memory>

namespace nyala::train {

/// The runtime's tokenizer, laid out in memory as an artifact has it.
class TextEncoder {
public:
  /// Throws nyala::Error or rt::Failure for a tokenizer that the runtime refuses.
  explicit TextEncoder(const TokenizerData &data);

  /// Special tokens that a text spells are text. Throws rt::Failure for text that the vocabulary
  /// cannot spell.
  void encode(std::string_view text, std::vector<int32_t> &ids) const;
  int32_t getEos() const { return tokenizer->getEos(); } ///< -1: none

private:
  flatbuffers::FlatBufferBuilder builder;
  std::unique_ptr<rt::Tokenizer> tokenizer;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_TEXTENCODER_H
