//===- Parser.h - From tokens to a syntax tree ------------------*- C++ -*-===//
//
// Statements and expressions after Jinja's grammar (precedence, from loose to
// tight: if-else, or, and, not, comparisons, + -, ~, * / // %, unary + -,
// postfix, filters and tests). What the grammar allows and the evaluator does
// not know (other statements, filters, tests, **, starred arguments) is refused
// by name here, before anything is rendered.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_PARSER_H
#define NYALA_RUNTIME_TEXT_JINJA_PARSER_H

#include "runtime/text/jinja/Ast.h"
#include "runtime/text/jinja/Lexer.h"

#include <algorithm>
#include <initializer_list>

namespace nyala::rt::jinja {

/// Longest template, in bytes; deepest nesting of statements and expressions; most arguments of a
/// call and parameters of a macro (filters such as map call each other by name, one argument deeper
/// each time).
constexpr size_t maxSource = size_t{1} << 20;
constexpr unsigned maxDepth = 200;
constexpr size_t maxArguments = 32;

/// Throws Failure with line and column.
Body parse(std::string_view source);

/// The tokens, and what both halves of the parser ask of them.
class TokenStream {
public:
  using Kind = Token::Kind;
  explicit TokenStream(std::vector<Token> tokens) : tokens(std::move(tokens)) {}

  const Token &peek(size_t ahead = 0) const {
    return tokens[std::min(next + ahead, tokens.size() - 1)];
  }
  /// The last token, End, is never passed.
  const Token &take() { return next + 1 < tokens.size() ? tokens[next++] : tokens.back(); }
  bool is(Kind kind) const { return peek().kind == kind; }
  bool is(Kind kind, std::string_view text, size_t ahead = 0) const {
    return peek(ahead).kind == kind && peek(ahead).text == text;
  }
  bool isOperator(std::string_view text) const { return is(Kind::Operator, text); }
  bool isName(std::string_view text) const { return is(Kind::Name, text); }
  bool isName(std::initializer_list<std::string_view> texts) const;
  bool skip(Kind kind, std::string_view text);
  void expectOperator(std::string_view text);
  std::string expectName(const char *what);
  void expect(Kind kind, const char *what);
  [[noreturn]] void refuseToken(const std::string &expected) const;

private:
  std::vector<Token> tokens;
  size_t next = 0;
};

/// Counts how deep the parser has descended, refusing beyond maxDepth.
class Descent {
public:
  explicit Descent(unsigned &depth) : depth(depth) {
    if (depth == maxDepth)
      refuse("the template nests statements or expressions more than " + std::to_string(maxDepth) +
             " deep, which is the limit");
    ++depth;
  }
  ~Descent() { --depth; }
  Descent(const Descent &) = delete;
  Descent &operator=(const Descent &) = delete;

private:
  unsigned &depth;
};

/// Parses expressions; problems are about the stream's next token.
class ExpressionParser {
public:
  ExpressionParser(TokenStream &stream, unsigned &depth) : stream(stream), depth(depth) {}

  ExpressionPtr parseExpression(bool withConditional = true);
  /// One expression, or several with commas between that make a tuple.
  ExpressionPtr parseTuple(bool withConditional = true, bool inParentheses = false);

private:
  using Kind = Expression::Kind;
  using Operands = std::vector<ExpressionPtr>;

  template <typename... Items> static Operands list(Items... items) {
    Operands result;
    (result.push_back(std::move(items)), ...);
    return result;
  }
  ExpressionPtr make(Kind kind, Position position, Operands operands = {}, std::string name = {});
  ExpressionPtr finish(ExpressionPtr expression);
  ExpressionPtr parseOr();
  ExpressionPtr parseAnd();
  ExpressionPtr parseNot();
  ExpressionPtr parseCompare();
  ExpressionPtr parseSum();
  ExpressionPtr parseConcatenate();
  ExpressionPtr parseProduct();
  ExpressionPtr parseUnary(bool withFilters = true);
  ExpressionPtr parsePrimary();
  ExpressionPtr parseList();
  ExpressionPtr parseDict();
  ExpressionPtr parsePostfix(ExpressionPtr expression);
  ExpressionPtr parseFilters(ExpressionPtr expression);
  ExpressionPtr parseSubscript(ExpressionPtr expression);
  ExpressionPtr parseTest(ExpressionPtr expression);
  /// Arguments in parentheses are added to `call`.
  void parseArguments(Expression &call);

  TokenStream &stream;
  unsigned &depth;
};

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_PARSER_H
