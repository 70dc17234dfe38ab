//===- PostfixParser.cpp - Subscripts, calls, filters and tests -----------===//

#include "runtime/text/jinja/Library.h"
#include "runtime/text/jinja/Parser.h"

namespace nyala::rt::jinja {

using TokenKind = Token::Kind;

ExpressionPtr ExpressionParser::parsePostfix(ExpressionPtr expression) {
  while (true) {
    if (stream.isOperator(".") || stream.isOperator("[")) {
      expression = parseSubscript(std::move(expression));
    } else if (stream.isOperator("(")) {
      ExpressionPtr call = make(Kind::Call, stream.peek().position, list(std::move(expression)));
      parseArguments(*call);
      expression = finish(std::move(call));
    } else {
      return expression;
    }
  }
}

ExpressionPtr ExpressionParser::parseFilters(ExpressionPtr expression) {
  while (true) {
    if (stream.isName("is")) {
      expression = parseTest(std::move(expression));
    } else if (stream.isOperator("(")) {
      expression = parsePostfix(std::move(expression));
    } else if (stream.skip(TokenKind::Operator, "|")) {
      Position position = stream.peek().position;
      if (stream.is(TokenKind::Name))
        checkFilter(stream.peek().text);
      std::string name = stream.expectName("the name of a filter");
      ExpressionPtr filter =
          make(Kind::Filter, position, list(std::move(expression)), std::move(name));
      if (stream.isOperator("("))
        parseArguments(*filter);
      expression = finish(std::move(filter));
    } else {
      return expression;
    }
  }
}

ExpressionPtr ExpressionParser::parseSubscript(ExpressionPtr expression) {
  Position position = stream.peek().position;
  if (stream.skip(TokenKind::Operator, ".")) {
    if (stream.is(TokenKind::Name))
      return make(Kind::Attribute, position, list(std::move(expression)), stream.take().text);
    if (!stream.is(TokenKind::Integer))
      stream.refuseToken("the name of an attribute");
    ExpressionPtr index = make(Kind::Literal, stream.peek().position);
    index->literal = Value(stream.take().integer);
    return make(Kind::Item, position, list(std::move(expression), std::move(index)));
  }
  stream.expectOperator("[");
  ExpressionPtr bounds[3];
  size_t colons = 0;
  while (!stream.isOperator("]")) {
    if (stream.isOperator(",") && colons == 0 && bounds[0])
      unsupported("an index of several values is not supported");
    if (colons < 2 && stream.skip(TokenKind::Operator, ":"))
      ++colons;
    else if (!bounds[colons])
      bounds[colons] = parseExpression();
    else
      stream.refuseToken("']'");
  }
  if (colons == 0 && !bounds[0])
    stream.refuseToken("an index");
  stream.take();
  if (colons == 0)
    return make(Kind::Item, position, list(std::move(expression), std::move(bounds[0])));
  return make(Kind::Slice, position,
              list(std::move(expression), std::move(bounds[0]), std::move(bounds[1]),
                   std::move(bounds[2])));
}

ExpressionPtr ExpressionParser::parseTest(ExpressionPtr expression) {
  Position position = stream.take().position;
  bool isNegated = stream.skip(TokenKind::Name, "not");
  if (stream.is(TokenKind::Name))
    checkTest(stream.peek().text);
  std::string name = stream.expectName("the name of a test");
  ExpressionPtr test = make(Kind::Test, position, list(std::move(expression)), std::move(name));
  const Token &token = stream.peek();
  bool startsValue = token.kind == TokenKind::Name || token.kind == TokenKind::String ||
                     token.kind == TokenKind::Integer || token.kind == TokenKind::Float ||
                     stream.isOperator("[") || stream.isOperator("{");
  if (stream.isOperator("("))
    parseArguments(*test);
  else if (startsValue && !stream.isName({"else", "or", "and"}))
    test->operands.push_back(parsePostfix(parsePrimary()));
  test = finish(std::move(test));
  return isNegated ? make(Kind::Not, position, list(std::move(test))) : std::move(test);
}

void ExpressionParser::parseArguments(Expression &call) {
  stream.expectOperator("(");
  while (!stream.isOperator(")")) {
    if (stream.isOperator("*") || stream.isOperator("**"))
      unsupported("arguments with '*' or '**' are not supported");
    if (stream.is(TokenKind::Name) && stream.is(TokenKind::Operator, "=", 1)) {
      std::string name = stream.take().text;
      for (const auto &keyword : call.keywords)
        if (keyword.first == name)
          refuse("the argument '" + name + "' is given twice");
      stream.take();
      call.keywords.emplace_back(std::move(name), parseExpression());
    } else if (!call.keywords.empty()) {
      refuse("an argument without a name follows one with a name");
    } else {
      call.operands.push_back(parseExpression());
    }
    if (call.operands.size() + call.keywords.size() > maxArguments)
      unsupported("a call with more than " + std::to_string(maxArguments) + " arguments");
    if (!stream.isOperator(")"))
      stream.expectOperator(",");
  }
  stream.take();
}

} // namespace nyala::rt::jinja
