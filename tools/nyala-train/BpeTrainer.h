//===- BpeTrainer.h - Learning a byte-level vocabulary ----------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_BPETRAINER_H
#define NYALA_TOOLS_NYALA_TRAIN_BPETRAINER_H

#include "ir/storage/TokenizerData.h"

#include <span>
#include <string_view>

namespace nyala::train {

/// Tokens that every trained vocabulary has: all bytes, and kEndOfText.
inline constexpr int64_t kLeastVocabulary = 257;
inline constexpr std::string_view kEndOfText = "<|endoftext|>";

/// Byte-pair encoding (Sennrich, Haddow, Birch 2016, ACL) on bytes, of texts (valid UTF-8) that are
/// cut as GPT-2's are: as long as there is room, the pair of neighbours that is there most often
/// becomes a token; of several the one with the smallest left token, then right token. Tokens are
/// 0..255: the bytes, then those of the merges in their order, then kEndOfText. Fewer than
/// `vocabulary` if no pair is left that is there twice. Throws rt::Failure.
TokenizerData trainBpe(std::span<const std::string_view> texts, int64_t vocabulary);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_BPETRAINER_H
