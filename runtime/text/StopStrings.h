//===- StopStrings.h - Ending a text stream at a string ---------*- C++ -*-===//
//
// Watches streamed text for strings that end a generation. Text that could be
// the beginning of one is held back until it is known not to be.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_STOPSTRINGS_H
#define NYALA_RUNTIME_TEXT_STOPSTRINGS_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::rt {

/// Results do not depend on how the text is cut into pieces: the stop string that is complete first
/// ends the stream; of several that are complete at the same byte, the longest. Each string is
/// matched by the Knuth-Morris-Pratt automaton, so a byte costs amortized constant time per string.
class StopStrings {
public:
  /// Throws Failure(NYALA_INVALID_ARGUMENT) if a string is empty. An empty list passes all text on.
  explicit StopStrings(const std::vector<std::string> &strings);

  /// Appends to `out` the text that is now safe to print. Returns true once a stop string is
  /// complete: the text before it has been appended; it and what follows never are.
  bool feed(std::string_view text, std::string &out);
  /// Ends the stream without a stop string: appends what was held back.
  void flush(std::string &out);
  /// Forgets the text so far.
  void reset();

private:
  struct Pattern {
    std::string text;
    std::vector<size_t> fallback; ///< fallback[n]: longest proper border of the first n bytes
    size_t matched = 0;           ///< bytes of `text` that the stream ends with
  };
  std::vector<Pattern> patterns;
  std::string held; ///< as long as the longest match
  bool stopped = false;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_STOPSTRINGS_H
