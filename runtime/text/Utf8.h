//===- Utf8.h - Checking and streaming UTF-8 --------------------*- C++ -*-===//
//
// Strict UTF-8 as in RFC 3629 and The Unicode Standard, table 3-7: overlong
// forms, surrogates and code points above U+10FFFF are ill-formed.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_UTF8_H
#define NYALA_RUNTIME_TEXT_UTF8_H

#include <cstddef>
#include <string>
#include <string_view>

namespace nyala::rt {

enum class NulBytes { Allowed, Refused };

/// Offset in bytes of the first byte that makes `text` unusable: the start of the first ill-formed
/// sequence, or a NUL where those are refused (then text[offset] is '\0', which no ill-formed
/// sequence starts with). std::string_view::npos if there is none.
size_t checkText(std::string_view text, NulBytes nulBytes = NulBytes::Allowed);

/// What a caller of checkText tells the user about a bad byte: "text is not valid UTF-8: …".
std::string describeBadText(std::string_view text, size_t offset);

/// Turns a stream of token bytes into whole characters. Tokens may end inside a character; its
/// bytes wait here until it is whole. Ill-formed input is replaced by U+FFFD, one for each maximal
/// subpart (The Unicode Standard, chapter 3, "U+FFFD Substitution of Maximal Subparts"), so nothing
/// is lost silently and nothing waits for more than the 3 bytes that can be missing.
class Utf8Stream {
public:
  /// Appends to `out` the text that `bytes` completes.
  void append(std::string_view bytes, std::string &out);
  /// Ends the stream: appends U+FFFD if an incomplete character is left. Ready for reuse.
  void flush(std::string &out);

private:
  std::string held; ///< at most 3 bytes between calls: a prefix of a well-formed sequence
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_UTF8_H
