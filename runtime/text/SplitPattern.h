//===- SplitPattern.h - Patterns of tokenizer.json for PCRE2 ----*- C++ -*-===//
//
// Pre-tokenizers are regular expressions in the syntax of Oniguruma, the engine
// of the Hugging Face tokenizers. This writes them in PCRE2's, with classes of
// the same characters (CharacterClasses.h). What the two engines read
// differently and nobody needs is an error, never another meaning:
//
//   a  \n \r \t \f \xHH \x{H} \uHHHH \<punctuation>      characters
//   .  \s \S \d \D \p{L} \P{L} \p{^L}   (general categories, one or two letters)
//   [...] [^...]  of characters, ranges, \s \d \p{..}
//   ( (?: (?i: (?> (?= (?! (?<= (?<! ...)  |  ^ $ (at each line)
//   ? * + and {m} {m,} {m,n}; the first three lazy (+?) or possessive (++)
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_SPLITPATTERN_H
#define NYALA_RUNTIME_TEXT_SPLITPATTERN_H

#include <string>
#include <string_view>

namespace nyala::rt {

/// The pattern for PCRE2 with the options UTF, UCP, MULTILINE and DOTALL. Throws
/// Failure(NYALA_UNSUPPORTED) that names the construct and its byte offset, or for text that is not
/// UTF-8. Brackets need not balance in the result: pcre2_compile says so.
std::string translateSplitPattern(std::string_view pattern);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_SPLITPATTERN_H
