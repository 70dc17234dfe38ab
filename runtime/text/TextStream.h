//===- TextStream.h - From token bytes to text to print ---------*- C++ -*-===//
#ifndef NYALA_RUNTIME_TEXT_TEXTSTREAM_H
#define NYALA_RUNTIME_TEXT_TEXTSTREAM_H

#include "runtime/text/StopStrings.h"
#include "runtime/text/Utf8.h"

namespace nyala::rt {

/// Whole characters (Utf8Stream), and of these what cannot be part of a stop string (StopStrings).
class TextStream {
public:
  /// Throws Failure(NYALA_INVALID_ARGUMENT) if a stop string is empty.
  explicit TextStream(const std::vector<std::string> &stops) : stopStrings(stops) {}

  /// Appends to `out` what may be printed after one more token. True once a stop string is
  /// complete; it and what follows it are never printed.
  bool append(std::string_view bytes, std::string &out) {
    std::string characters;
    utf8.append(bytes, characters);
    return stopStrings.feed(characters, out);
  }
  /// Ends the text: appends what was held back, unless a stop string has ended it. Ready for
  /// another text.
  void flush(std::string &out) {
    std::string characters;
    utf8.flush(characters);
    if (stopStrings.feed(characters, out))
      stopStrings.reset();
    else
      stopStrings.flush(out);
  }

private:
  Utf8Stream utf8;
  StopStrings stopStrings;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_TEXTSTREAM_H
