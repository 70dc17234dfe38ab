//===- Lexer.h - Tokens of a chat template ----------------------*- C++ -*-===//
//
// Divides a template into text and the tokens inside {{ }} and {% %}, after
// Jinja's lexical rules with trim_blocks and lstrip_blocks on, as transformers
// sets them: the newline after a block or comment and the blanks before one on
// its line are dropped; '-' inside a delimiter drops all whitespace on its side,
// '+' keeps it.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_LEXER_H
#define NYALA_RUNTIME_TEXT_JINJA_LEXER_H

#include "runtime/text/jinja/Problem.h"

#include <string>
#include <string_view>
#include <vector>

namespace nyala::rt::jinja {

struct Token {
  enum class Kind {
    Text,
    OutputBegin, // {{
    OutputEnd,   // }}
    BlockBegin,  // {%
    BlockEnd,    // %}
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
  };
  Kind kind;
  Position position;
  /// Text, name, contents of a string with escapes resolved, or spelling of an operator.
  std::string text;
  int64_t integer = 0;
  double number = 0;
};

/// `source` is valid UTF-8. The last token is End. Throws Failure with the place of what is not a
/// token.
std::vector<Token> tokenize(std::string_view source);

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_LEXER_H
