//===- Ast.h - Syntax tree of a chat template -------------------*- C++ -*-===//
//
// The parser bounds how deep a tree is, so that walking and destroying one
// cannot overflow the stack.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_AST_H
#define NYALA_RUNTIME_TEXT_JINJA_AST_H

#include "runtime/text/jinja/Operators.h"
#include "runtime/text/jinja/Problem.h"
#include "runtime/text/jinja/Value.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nyala::rt::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  // What `operands`, `name` and the rest hold, by kind:
  enum class Kind {
    Literal,     // literal
    Name,        // name
    List,        // operands: items
    Tuple,       // operands: items
    Dict,        // operands: key, value, key, value, …
    Not,         // operands[0]
    Negate,      // operands[0]
    Plus,        // operands[0]
    Calculate,   // operands[0] operators[0] operands[1]
    And,         // operands[0], operands[1]
    Or,          // operands[0], operands[1]
    Compare,     // operands[0] operators[0] operands[1] operators[1] operands[2] …
    Concatenate, // operands
    Conditional, // operands[0] if operands[1] else operands[2] (null: undefined)
    Attribute,   // operands[0].name
    Item,        // operands[0][operands[1]]
    Slice,       // operands[0][operands[1]:operands[2]:operands[3]], bounds may be null
    Call,        // operands[0](operands[1], …, keywords)
    Filter,      // operands[0] | name(operands[1], …, keywords)
    Test,        // operands[0] is name(operands[1], …)
  };
  Kind kind;
  Position position;
  unsigned depth = 1;
  std::string name;
  Value literal;
  std::vector<ExpressionPtr> operands;
  std::vector<Operator> operators;
  std::vector<std::pair<std::string, ExpressionPtr>> keywords;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

struct Statement {
  enum class Kind {
    Text,         // text
    Output,       // value
    Set,          // targets = value
    SetAttribute, // targets[0].text = value
    SetBlock,     // targets[0] = what body prints
    If,           // branches; orElse
    For,          // targets in value, if condition: body; orElse where there was no item
    Macro,        // text is its name, targets its parameters, with defaults; body
  };
  struct Branch {
    ExpressionPtr condition;
    Body body;
  };
  Kind kind;
  Position position;
  std::string text;
  /// More than one, or `unpacks`: the value is taken apart.
  std::vector<std::string> targets;
  bool unpacks = false;
  ExpressionPtr value;
  ExpressionPtr condition;
  std::vector<Branch> branches;
  Body body;
  Body orElse;
  /// Of the last parameters.
  std::vector<ExpressionPtr> defaults;
};

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_AST_H
