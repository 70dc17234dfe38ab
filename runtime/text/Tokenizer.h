//===- Tokenizer.h - Byte-level BPE over the artifact -----------*- C++ -*-===//
//
// Byte-pair encoding by merge rank (Sennrich, Haddow, Birch: Neural Machine
// Translation of Rare Words with Subword Units, ACL 2016) on bytes, as GPT-2
// introduced it: text is cut into pieces (PreTokenizer.h), each starts as the
// tokens of its bytes, and as long as two neighbours have a merge, the one of
// lowest rank is applied, the leftmost first. Ids equal those of the Hugging
// Face tokenizer with the same vocabulary, merges and pre-tokenizer
// (test/e2e/tokenizer_equality.py). Text is taken as it is: no normalization
// (Qwen 2's Hugging Face tokenizer brings text into NFC first, so text that is
// not in NFC gives other ids there).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_TOKENIZER_H
#define NYALA_RUNTIME_TEXT_TOKENIZER_H

#include "runtime/artifact_generated.h"
#include "runtime/text/PreTokenizer.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// A view: tokens and merges are looked up in the artifact where it is mapped. Immutable; may be
/// shared by threads.
class Tokenizer {
public:
  /// `data` must have passed the FlatBuffers verifier and outlive this object. Checks what memory
  /// safety needs, so all methods may be called afterwards: throws Failure(NYALA_CORRUPT) if an
  /// offset or id is out of range, NYALA_UNSUPPORTED for an unknown model or pre-tokenizer.
  explicit Tokenizer(const artifact::Tokenizer *data);

  /// Checks what right results need: orders that look-ups rely on are as artifact.fbs says and
  /// merges spell what they join. Throws Failure(NYALA_CORRUPT).
  void validate() const;

  /// Number of tokens; ids are below it.
  size_t size() const { return kinds->size(); }

  /// Appends the ids of `text`. `special`: text that spells a Control or UserDefined token becomes
  /// that token (at each position the longest one), and the beginning-of-sequence token comes first
  /// if the model wants it and the text does not start with it already. Throws
  /// Failure(NYALA_INVALID_TEXT), naming the byte offset, if the text is not UTF-8 or has a byte
  /// that the vocabulary has no token for; then `ids` is as it was. NUL is text like any other.
  void encode(std::string_view text, bool special, std::vector<int32_t> &ids) const;
  std::vector<int32_t> encode(std::string_view text, bool special) const;

  /// What a token prints. Control, Unknown and Unused tokens print nothing unless `special`. Views
  /// the artifact; data() is null if the id is out of range, and only then.
  std::string_view tokenBytes(int32_t id, bool special) const;

  const PreTokenizer &getPreTokenizer() const { return preTokenizer; }
  int32_t getBos() const { return data->bos(); } ///< -1: none
  int32_t getEos() const { return data->eos(); } ///< -1: none
  /// Does the token end a generation?
  bool isStop(int32_t id) const;
  /// Ids that end a generation.
  std::span<const uint32_t> getStops() const {
    return {data->stops()->data(), data->stops()->size()};
  }
  /// Ids of the Normal tokens, ascending by bytes.
  std::span<const uint32_t> getSorted() const {
    return {data->sorted()->data(), data->sorted()->size()};
  }
  /// The tree over them that the artifact holds; none: an older artifact. TokenTrie checks it.
  std::span<const artifact::TokenNode> getTokenTree() const;

private:
  struct Scratch;

  void checkRanges() const;
  std::string_view spelling(uint32_t id) const;
  const artifact::Merge *findMerge(uint32_t left, uint32_t right) const;
  /// Id of the Normal token that is `text`, or -1.
  int32_t findNormal(std::string_view text) const;
  /// Id of the longest special token that `text` starts with, or -1.
  int32_t findSpecial(std::string_view text) const;

  /// Text without special tokens. `offset`: where it starts in the caller's text, for messages.
  void encodePlain(std::string_view text, size_t offset, Scratch &scratch,
                   std::vector<int32_t> &ids) const;
  void encodePiece(std::string_view piece, Scratch &scratch, std::vector<int32_t> &ids) const;

  const artifact::Tokenizer *data;
  const flatbuffers::Vector<artifact::TokenKind> *kinds;
  const flatbuffers::Vector<uint32_t> *offsets;
  PreTokenizer preTokenizer;
  bool ignoreMerges;
  std::array<int32_t, 256> byteTokens;      ///< -1: none
  std::vector<uint32_t> specials;           ///< those with a text, ascending by it, then by id
  std::array<uint32_t, 257> specialsOfByte; ///< where those that start with a byte begin
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_TOKENIZER_H
