//===- ExpressionParser.cpp - Expressions of a chat template --------------===//

#include "runtime/text/jinja/Parser.h"

#include <algorithm>
#include <array>

namespace nyala::rt::jinja {

using TokenKind = Token::Kind;

ExpressionPtr ExpressionParser::make(Kind kind, Position position, Operands operands,
                                     std::string name) {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->position = position;
  expression->name = std::move(name);
  expression->operands = std::move(operands);
  return finish(std::move(expression));
}

/// Chains such as a + b + c nest without the parser descending: their depth is bounded here.
ExpressionPtr ExpressionParser::finish(ExpressionPtr expression) {
  unsigned inner = 0;
  for (const ExpressionPtr &operand : expression->operands)
    inner = std::max(inner, operand ? operand->depth : 0);
  for (const auto &keyword : expression->keywords)
    inner = std::max(inner, keyword.second->depth);
  if (inner >= maxDepth)
    refuse("an expression nests more than " + std::to_string(maxDepth) +
           " deep, which is the limit");
  expression->depth = inner + 1;
  return expression;
}

ExpressionPtr ExpressionParser::parseExpression(bool withConditional) {
  Descent descent(depth);
  ExpressionPtr expression = parseOr();
  while (withConditional && stream.isName("if")) {
    Position position = stream.take().position;
    ExpressionPtr condition = parseOr();
    ExpressionPtr otherwise;
    if (stream.skip(TokenKind::Name, "else"))
      otherwise = parseExpression();
    expression = make(Kind::Conditional, position,
                      list(std::move(expression), std::move(condition), std::move(otherwise)));
  }
  return expression;
}

ExpressionPtr ExpressionParser::parseTuple(bool withConditional, bool inParentheses) {
  Position position = stream.peek().position;
  Operands items;
  bool isTuple = false;
  while (!stream.is(TokenKind::OutputEnd) && !stream.is(TokenKind::BlockEnd) &&
         !stream.isOperator(")")) {
    items.push_back(parseExpression(withConditional));
    if (!stream.skip(TokenKind::Operator, ","))
      break;
    isTuple = true;
  }
  if (!isTuple && items.size() == 1)
    return std::move(items[0]);
  if (!isTuple && !inParentheses)
    stream.refuseToken("an expression");
  return make(Kind::Tuple, position, std::move(items));
}

ExpressionPtr ExpressionParser::parseOr() {
  ExpressionPtr left = parseAnd();
  while (stream.isName("or")) {
    Position position = stream.take().position;
    left = make(Kind::Or, position, list(std::move(left), parseAnd()));
  }
  return left;
}

ExpressionPtr ExpressionParser::parseAnd() {
  ExpressionPtr left = parseNot();
  while (stream.isName("and")) {
    Position position = stream.take().position;
    left = make(Kind::And, position, list(std::move(left), parseNot()));
  }
  return left;
}

ExpressionPtr ExpressionParser::parseNot() {
  if (!stream.isName("not"))
    return parseCompare();
  Descent descent(depth);
  Position position = stream.take().position;
  return make(Kind::Not, position, list(parseNot()));
}

ExpressionPtr ExpressionParser::parseCompare() {
  static constexpr std::array<std::pair<std::string_view, Operator>, 6> comparisons = {{
      {"==", Operator::Equal},
      {"!=", Operator::NotEqual},
      {"<", Operator::Less},
      {"<=", Operator::LessEqual},
      {">", Operator::Greater},
      {">=", Operator::GreaterEqual},
  }};
  Position position = stream.peek().position;
  Operands operands = list(parseSum());
  std::vector<Operator> operators;
  while (true) {
    auto found = std::find_if(comparisons.begin(), comparisons.end(),
                              [&](const auto &entry) { return stream.isOperator(entry.first); });
    if (found != comparisons.end()) {
      operators.push_back(found->second);
    } else if (stream.isName("in")) {
      operators.push_back(Operator::In);
    } else if (stream.isName("not") && stream.is(TokenKind::Name, "in", 1)) {
      stream.take();
      operators.push_back(Operator::NotIn);
    } else {
      break;
    }
    stream.take();
    operands.push_back(parseSum());
  }
  if (operators.empty())
    return std::move(operands[0]);
  ExpressionPtr expression = make(Kind::Compare, position, std::move(operands));
  expression->operators = std::move(operators);
  return expression;
}

ExpressionPtr ExpressionParser::parseSum() {
  ExpressionPtr left = parseConcatenate();
  while (stream.isOperator("+") || stream.isOperator("-")) {
    const Token &token = stream.take();
    Operator op = token.text == "+" ? Operator::Add : Operator::Subtract;
    left = make(Kind::Calculate, token.position, list(std::move(left), parseConcatenate()));
    left->operators = {op};
  }
  return left;
}

ExpressionPtr ExpressionParser::parseConcatenate() {
  Position position = stream.peek().position;
  Operands operands = list(parseProduct());
  while (stream.skip(TokenKind::Operator, "~"))
    operands.push_back(parseProduct());
  return operands.size() == 1 ? std::move(operands[0])
                              : make(Kind::Concatenate, position, std::move(operands));
}

ExpressionPtr ExpressionParser::parseProduct() {
  static constexpr std::array<std::pair<std::string_view, Operator>, 4> products = {{
      {"*", Operator::Multiply},
      {"/", Operator::Divide},
      {"//", Operator::FloorDivide},
      {"%", Operator::Modulo},
  }};
  ExpressionPtr left = parseUnary();
  while (true) {
    if (stream.isOperator("**"))
      unsupported("the operator '**' is not supported");
    auto found = std::find_if(products.begin(), products.end(),
                              [&](const auto &entry) { return stream.isOperator(entry.first); });
    if (found == products.end())
      return left;
    Position position = stream.take().position;
    left = make(Kind::Calculate, position, list(std::move(left), parseUnary()));
    left->operators = {found->second};
  }
}

/// A sign binds tighter than a filter: the filter gets the signed number.
ExpressionPtr ExpressionParser::parseUnary(bool withFilters) {
  Descent descent(depth);
  Position position = stream.peek().position;
  ExpressionPtr expression;
  if (stream.skip(TokenKind::Operator, "-"))
    expression = make(Kind::Negate, position, list(parseUnary(false)));
  else if (stream.skip(TokenKind::Operator, "+"))
    expression = make(Kind::Plus, position, list(parseUnary(false)));
  else
    expression = parsePrimary();
  expression = parsePostfix(std::move(expression));
  return withFilters ? parseFilters(std::move(expression)) : std::move(expression);
}

ExpressionPtr ExpressionParser::parsePrimary() {
  const Token &token = stream.peek();
  Position position = token.position;
  auto literal = [&](Value value) {
    ExpressionPtr expression = make(Kind::Literal, position);
    expression->literal = std::move(value);
    return expression;
  };
  switch (token.kind) {
  case TokenKind::Name: {
    if (stream.isName({"and", "else", "if", "in", "is", "not", "or"}))
      stream.refuseToken("an expression");
    std::string name = stream.take().text;
    if (name == "true" || name == "True" || name == "false" || name == "False")
      return literal(Value(name == "true" || name == "True"));
    if (name == "none" || name == "None")
      return literal(Value());
    return make(Kind::Name, position, {}, std::move(name));
  }
  case TokenKind::String: {
    std::string text;
    while (stream.is(TokenKind::String))
      text += stream.take().text;
    return literal(Value(std::move(text)));
  }
  case TokenKind::Integer:
    return literal(Value(stream.take().integer));
  case TokenKind::Float:
    return literal(Value(stream.take().number));
  default:
    break;
  }
  if (stream.skip(TokenKind::Operator, "(")) {
    ExpressionPtr expression = parseTuple(/*withConditional=*/true, /*inParentheses=*/true);
    stream.expectOperator(")");
    return expression;
  }
  if (stream.isOperator("["))
    return parseList();
  if (stream.isOperator("{"))
    return parseDict();
  stream.refuseToken("an expression");
}

ExpressionPtr ExpressionParser::parseList() {
  Position position = stream.take().position;
  Operands items;
  while (!stream.isOperator("]")) {
    items.push_back(parseExpression());
    if (!stream.isOperator("]"))
      stream.expectOperator(",");
  }
  stream.take();
  return make(Kind::List, position, std::move(items));
}

ExpressionPtr ExpressionParser::parseDict() {
  Position position = stream.take().position;
  Operands items;
  while (!stream.isOperator("}")) {
    items.push_back(parseExpression());
    stream.expectOperator(":");
    items.push_back(parseExpression());
    if (!stream.isOperator("}"))
      stream.expectOperator(",");
  }
  stream.take();
  return make(Kind::Dict, position, std::move(items));
}

} // namespace nyala::rt::jinja
