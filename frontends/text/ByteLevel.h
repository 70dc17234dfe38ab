//===- ByteLevel.h - Bytes written as printable characters ------*- C++ -*-===//
//
// The alphabet in which byte-level tokenizers write their tokens, as GPT-2
// introduced it (openai/gpt-2, src/encoder.py, bytes_to_unicode): bytes that are
// printable in Latin-1 stand for themselves, the n-th of the others is
// U+0100 + n.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_TEXT_BYTELEVEL_H
#define NYALA_FRONTENDS_TEXT_BYTELEVEL_H

#include <string>
#include <string_view>

namespace nyala {

/// The bytes that the text of a token stands for. Some files have tokens that were added to the
/// vocabulary among the others, though their text is plain UTF-8 outside of the alphabet: a text
/// with any such character is taken literally, as the original tokenizers print it.
std::string decodeByteLevel(std::string_view text);

/// Bytes in the alphabet: the inverse for a text that decodeByteLevel did not take literally.
std::string encodeByteLevel(std::string_view bytes);

} // namespace nyala

#endif // NYALA_FRONTENDS_TEXT_BYTELEVEL_H
