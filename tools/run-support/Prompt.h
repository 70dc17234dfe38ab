//===- Prompt.h - From what the user gave to tokens -------------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_PROMPT_H
#define NYALA_TOOLS_RUNSUPPORT_PROMPT_H

#include "tools/run-support/Model.h"

#include <string>

namespace nyala {

/// Whole content of a file, of standard input if `path` is "-". Throws rt::Failure.
std::string readText(const std::string &path);

/// Throws rt::Failure if `text` is not UTF-8 or has a NUL, naming the byte's offset. `source` is
/// what the text is called: "the prompt".
void checkText(const std::string &text, const std::string &source);

/// Tokens of a raw prompt. `special`: spelled special tokens count as such. The
/// beginning-of-sequence token comes first where the model wants it; an empty prompt is that token,
/// or an error.
Tokens tokenizePrompt(const Model &model, const std::string &text, bool special);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_PROMPT_H
