//===- Parser.cpp - Statements of a chat template -------------------------===//

#include "runtime/text/jinja/Parser.h"

#include <algorithm>

namespace nyala::rt::jinja {

bool TokenStream::isName(std::initializer_list<std::string_view> texts) const {
  return std::any_of(texts.begin(), texts.end(),
                     [this](std::string_view text) { return isName(text); });
}

bool TokenStream::skip(Kind kind, std::string_view text) {
  if (!is(kind, text))
    return false;
  take();
  return true;
}

void TokenStream::expectOperator(std::string_view text) {
  if (!skip(Kind::Operator, text))
    refuseToken("'" + std::string(text) + "'");
}

std::string TokenStream::expectName(const char *what) {
  if (!is(Kind::Name))
    refuseToken(what);
  return take().text;
}

void TokenStream::expect(Kind kind, const char *what) {
  if (!is(kind))
    refuseToken(what);
  take();
}

void TokenStream::refuseToken(const std::string &expected) const {
  std::string got;
  switch (peek().kind) {
  case Kind::End:
    got = "the end of the template";
    break;
  case Kind::OutputEnd:
    got = "'}}'";
    break;
  case Kind::BlockEnd:
    got = "'%}'";
    break;
  case Kind::String:
    got = "a string";
    break;
  default:
    got = "'" + peek().text + "'";
  }
  refuse("expected " + expected + ", got " + got);
}

namespace {

using Names = std::initializer_list<std::string_view>;

class Parser {
public:
  explicit Parser(std::string_view source) : stream(tokenize(source)) {}

  Body run() {
    try {
      return parseBody({});
    } catch (const Problem &problem) {
      throw problem.at(stream.peek().position);
    }
  }

private:
  using Kind = Statement::Kind;
  using TokenKind = Token::Kind;

  std::unique_ptr<Statement> make(Kind kind, Position position) {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->position = position;
    return statement;
  }

  /// Up to a statement named in `ends`, whose name is left to the caller; to the end if none is.
  Body parseBody(Names ends) {
    Descent descent(depth);
    Body body;
    while (!stream.is(TokenKind::End)) {
      Position position = stream.peek().position;
      if (stream.is(TokenKind::Text)) {
        body.push_back(make(Kind::Text, position));
        body.back()->text = stream.take().text;
      } else if (stream.is(TokenKind::OutputBegin)) {
        stream.take();
        body.push_back(make(Kind::Output, position));
        body.back()->value = expressions.parseTuple();
        stream.expect(TokenKind::OutputEnd, "'}}'");
      } else {
        stream.take();
        if (stream.isName(ends))
          return body;
        body.push_back(parseStatement(position, ends));
        stream.expect(TokenKind::BlockEnd, "'%}'");
      }
    }
    if (ends.size() != 0)
      stream.refuseToken("the statement '" + std::string(*(ends.end() - 1)) + "'");
    return body;
  }

  /// Behind the head of a statement with a body.
  Body parseInnerBody(Names ends) {
    stream.skip(TokenKind::Operator, ":");
    stream.expect(TokenKind::BlockEnd, "'%}'");
    return parseBody(ends);
  }

  std::unique_ptr<Statement> parseStatement(Position position, Names ends) {
    if (stream.skip(TokenKind::Name, "set"))
      return parseSet(position);
    if (stream.skip(TokenKind::Name, "if"))
      return parseIf(position);
    if (stream.skip(TokenKind::Name, "for"))
      return parseFor(position);
    if (stream.skip(TokenKind::Name, "macro"))
      return parseMacro(position);
    if (!stream.is(TokenKind::Name))
      stream.refuseToken("the name of a statement");
    if (stream.isName({"elif", "else", "endif", "endfor", "endset", "endmacro"}))
      stream.refuseToken(ends.size() == 0
                             ? "a statement that is open"
                             : "the statement '" + std::string(*(ends.end() - 1)) + "'");
    unsupported("the statement '" + stream.peek().text +
                "' is not supported; known are set, if, for and macro");
  }

  /// Names to assign to: one, or several with commas between.
  void parseTargets(Statement &statement) {
    bool inParentheses = stream.skip(TokenKind::Operator, "(");
    while (true) {
      if (stream.isName({"true", "True", "false", "False", "none", "None", "and", "else", "if",
                         "in", "is", "not", "or"}))
        stream.refuseToken("a name to assign to");
      statement.targets.push_back(stream.expectName("a name to assign to"));
      if (!stream.skip(TokenKind::Operator, ","))
        break;
      statement.unpacks = true;
      if (stream.isOperator("=") || stream.isOperator(")") || stream.isName("in"))
        break;
    }
    if (inParentheses)
      stream.expectOperator(")");
  }

  std::unique_ptr<Statement> parseSet(Position position) {
    auto statement = make(Kind::Set, position);
    parseTargets(*statement);
    if (!statement->unpacks && stream.skip(TokenKind::Operator, ".")) {
      statement->kind = Kind::SetAttribute;
      statement->text = stream.expectName("the name of an attribute");
    }
    if (stream.skip(TokenKind::Operator, "=")) {
      statement->value = expressions.parseTuple();
      return statement;
    }
    if (stream.isOperator("|"))
      unsupported("a filter on a block set is not supported");
    if (statement->kind != Kind::Set || statement->unpacks)
      stream.refuseToken("'='");
    statement->kind = Kind::SetBlock;
    statement->body = parseInnerBody({"endset"});
    stream.take();
    return statement;
  }

  std::unique_ptr<Statement> parseIf(Position position) {
    auto statement = make(Kind::If, position);
    do {
      ExpressionPtr condition = expressions.parseTuple(/*withConditional=*/false);
      statement->branches.push_back(
          {std::move(condition), parseInnerBody({"elif", "else", "endif"})});
    } while (stream.skip(TokenKind::Name, "elif"));
    if (stream.take().text == "else") {
      statement->orElse = parseInnerBody({"endif"});
      stream.take();
    }
    return statement;
  }

  std::unique_ptr<Statement> parseFor(Position position) {
    auto statement = make(Kind::For, position);
    parseTargets(*statement);
    if (std::count(statement->targets.begin(), statement->targets.end(), "loop") != 0)
      refuse("the variable of a for statement cannot be named 'loop'");
    if (!stream.skip(TokenKind::Name, "in"))
      stream.refuseToken("'in'");
    statement->value = expressions.parseTuple(/*withConditional=*/false);
    if (stream.skip(TokenKind::Name, "if"))
      statement->condition = expressions.parseExpression();
    if (stream.isName("recursive"))
      unsupported("'recursive' for statements are not supported");
    ++loops;
    statement->body = parseInnerBody({"else", "endfor"});
    --loops;
    if (stream.take().text == "else") {
      statement->orElse = parseInnerBody({"endfor"});
      stream.take();
    }
    return statement;
  }

  std::unique_ptr<Statement> parseMacro(Position position) {
    if (loops != 0)
      unsupported("a macro inside a for statement or another macro is not supported");
    auto statement = make(Kind::Macro, position);
    statement->text = stream.expectName("the name of a macro");
    stream.expectOperator("(");
    while (!stream.isOperator(")")) {
      std::string name = stream.expectName("the name of a parameter");
      if (std::count(statement->targets.begin(), statement->targets.end(), name) != 0)
        refuse("the parameter '" + name + "' is given twice");
      statement->targets.push_back(std::move(name));
      if (statement->targets.size() > maxArguments)
        unsupported("a macro with more than " + std::to_string(maxArguments) + " parameters");
      if (stream.skip(TokenKind::Operator, "="))
        statement->defaults.push_back(expressions.parseExpression());
      else if (!statement->defaults.empty())
        refuse("a parameter without a default follows one with a default");
      if (!stream.isOperator(")"))
        stream.expectOperator(",");
    }
    stream.take();
    ++loops;
    statement->body = parseInnerBody({"endmacro"});
    --loops;
    stream.take();
    return statement;
  }

  TokenStream stream;
  unsigned depth = 0;
  /// For statements and macros that are open.
  unsigned loops = 0;
  ExpressionParser expressions{stream, depth};
};

} // namespace

Body parse(std::string_view source) {
  if (source.size() > maxSource)
    throw Failure(NYALA_UNSUPPORTED, "the chat template has " + std::to_string(source.size()) +
                                         " bytes; at most " + std::to_string(maxSource) +
                                         " are supported");
  return Parser(source).run();
}

} // namespace nyala::rt::jinja
