//===- ValueStream.h - Values as their references close ---------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_VALUESTREAM_H
#define NYALA_TOOLS_NYALA_RUN_VALUESTREAM_H

#include "runtime/grounding/Reference.h"

namespace nyala {

/// Puts values in place of references while a text comes. Held back is what may become a reference:
/// a brace at the end, and one that is not closed. The data outlive it.
class ValueStream {
public:
  explicit ValueStream(const rt::grounding::DataTree &data) : data(data) {}

  /// Takes the next piece of the text; returns what can be shown now.
  std::string append(std::string_view piece);
  /// Ends the text: what was held back, but for a reference that was not closed.
  std::string flush();

private:
  const rt::grounding::DataTree &data;
  std::string held;
};

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_VALUESTREAM_H
