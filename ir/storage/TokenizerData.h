//===- TokenizerData.h - Tokenizer as read from a model file ----*- C++ -*-===//
//
// What a frontend hands to the artifact writer: the vocabulary in its final
// form (raw bytes, byte-level encoding undone). codegen/package lays it out as
// artifact::Tokenizer, which runtime/text reads in place.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_STORAGE_TOKENIZERDATA_H
#define NYALA_IR_STORAGE_TOKENIZERDATA_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nyala {

/// Same values as artifact::TokenKind.
enum class TokenKind : uint8_t { Normal, Unknown, Control, UserDefined, Byte, Unused };

struct TokenizerData {
  struct Merge {
    uint32_t left, right, rank, result;
    bool operator==(const Merge &) const = default;
  };
  std::string model;               ///< "gpt2"
  std::string preTokenizer;        ///< "smollm", "gpt-2", "llama-bpe", "qwen2", or "splits", which
  std::vector<std::string> splits; ///< these patterns say (runtime/text/SplitPattern.h), and
  bool ignoreMerges = false;       ///< whether a piece that is a token as a whole becomes it
  std::vector<std::string> tokens;
  std::vector<TokenKind> kinds;
  std::vector<Merge> merges;
  int32_t bos = -1;
  int32_t eos = -1;
  bool addBos = false;
  std::vector<uint32_t> stops;
  std::optional<std::string> chatTemplate;
};

} // namespace nyala

#endif // NYALA_IR_STORAGE_TOKENIZERDATA_H
