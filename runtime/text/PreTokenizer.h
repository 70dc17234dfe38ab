//===- PreTokenizer.h - Splitting text before byte-pair merges --*- C++ -*-===//
//
// Merges never cross the pieces that a pre-tokenizer cuts text into. Which
// pieces is a fact of how a vocabulary was trained; the patterns are those that
// the Hugging Face tokenizers of the four families have. Their regular
// expression engine's idea of letters, numbers and white space counts, so the
// classes are spelled out where PCRE2 sees them otherwise (PreTokenizer.cpp).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_PRETOKENIZER_H
#define NYALA_RUNTIME_TEXT_PRETOKENIZER_H

#include <memory>
#include <string_view>
#include <vector>

struct pcre2_real_code_8;

namespace nyala::rt {

/// Immutable; may be shared by threads.
class PreTokenizer {
public:
  /// `name` as in artifact::Tokenizer. Throws Failure(NYALA_UNSUPPORTED) for an unknown one.
  explicit PreTokenizer(std::string_view name);

  /// True if a piece that is a token as a whole becomes that token, whatever the merges say.
  bool ignoresMerges() const { return ignoreMerges; }

  /// Appends the pieces of `text` (valid UTF-8), in order and without gaps. Throws Failure if the
  /// matcher gives up; it never returns other pieces instead.
  void split(std::string_view text, std::vector<std::string_view> &pieces) const;

private:
  struct CodeDeleter {
    void operator()(pcre2_real_code_8 *code) const;
  };
  std::unique_ptr<pcre2_real_code_8, CodeDeleter> code;
  bool ignoreMerges = false;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_PRETOKENIZER_H
