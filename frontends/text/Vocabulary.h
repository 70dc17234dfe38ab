//===- Vocabulary.h - What readers of tokenizers share ----------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_TEXT_VOCABULARY_H
#define NYALA_FRONTENDS_TEXT_VOCABULARY_H

#include "ir/storage/TokenizerData.h"

#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace nyala {

/// Ids of tokens by their text as the file has it (byte-level encoded).
using TokenIds = std::unordered_map<std::string_view, uint32_t>;

/// The two parts of a merge that is written "a b". A space as the first character is one of the
/// left part. nullopt if there are no two parts.
std::optional<std::pair<std::string_view, std::string_view>> splitMerge(std::string_view merge);

/// The merge of two tokens, given by their text. `failMissing(text)` must throw; it is called with
/// a text that is no token.
template <typename FailMissing>
TokenizerData::Merge makeMerge(const TokenIds &ids, std::string_view left, std::string_view right,
                               uint32_t rank, FailMissing failMissing) {
  auto getId = [&](std::string_view text) {
    auto found = ids.find(text);
    if (found == ids.end())
      failMissing(text);
    return found->second;
  };
  return {getId(left), getId(right), rank, getId(std::string(left).append(right))};
}

/// Completes data.stops: adds the Control tokens with which models end a text or a turn (files
/// often name but one of theirs as the end token, though the model also writes the others), sorts
/// and removes duplicates.
void completeStops(TokenizerData &data);

} // namespace nyala

#endif // NYALA_FRONTENDS_TEXT_VOCABULARY_H
