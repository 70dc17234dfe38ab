//===- PreTokenizer.h - Splitting text before byte-pair merges --*- C++ -*-===//
//
// Merges never cross the pieces that a pre-tokenizer cuts text into. Which
// pieces is a fact of how a vocabulary was trained. A pre-tokenizer is a list of
// patterns, as in the model's tokenizer.json (SplitPattern.h has their syntax):
// the first cuts the text into its matches and what is between them, each
// further one the pieces of the one before. A piece is a text of its own, so
// look-ahead ends where it ends.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_PRETOKENIZER_H
#define NYALA_RUNTIME_TEXT_PRETOKENIZER_H

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct pcre2_real_code_8;

namespace nyala::rt {

/// The pre-tokenizer of a family of models, which artifacts name in place of its patterns.
struct PreTokenizerFamily {
  std::string_view name;
  std::span<const std::string_view> splits;
  bool ignoresMerges; ///< a piece that is a token as a whole becomes it, whatever the merges say
};
std::span<const PreTokenizerFamily> getPreTokenizerFamilies();
/// Throws Failure(NYALA_UNSUPPORTED) for an unknown name.
const PreTokenizerFamily &getPreTokenizerFamily(std::string_view name);

/// Immutable; may be shared by threads.
class PreTokenizer {
public:
  static constexpr size_t maxSplits = 16;
  static constexpr size_t maxPatternBytes = 4096;

  /// Throws Failure(NYALA_UNSUPPORTED), naming the pattern, for one that is not well formed, uses
  /// what SplitPattern.h does not list, or matches the empty text, and for more or longer patterns
  /// than the limits above.
  explicit PreTokenizer(std::span<const std::string_view> splits);

  /// Appends the pieces of `text` (valid UTF-8), in order and without gaps. Throws Failure if the
  /// matcher gives up; it never returns other pieces instead.
  void split(std::string_view text, std::vector<std::string_view> &pieces) const;

private:
  struct CodeDeleter {
    void operator()(pcre2_real_code_8 *code) const;
  };
  std::vector<std::unique_ptr<pcre2_real_code_8, CodeDeleter>> codes;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_PRETOKENIZER_H
