//===- Evaluator.cpp - Rendering of a parsed template ---------------------===//

#include "runtime/text/jinja/Evaluator.h"

#include "runtime/text/jinja/Format.h"
#include "runtime/text/jinja/Library.h"

#include <algorithm>

namespace nyala::rt::jinja {
namespace {

struct Scope {
  const Scope *outer;
  std::map<std::string_view, Value> variables;

  const Value *find(std::string_view name) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      if (auto found = scope->variables.find(name); found != scope->variables.end())
        return &found->second;
    return nullptr;
  }
};

class Evaluator {
public:
  Evaluator(const Variables &variables, Context &context) : context(context) {
    for (const auto &[name, value] : variables)
      global.variables.emplace(name, value);
  }

  std::string run(const Body &body) {
    execute(body);
    return std::move(output);
  }

private:
  struct Level {
    Level(Evaluator &evaluator) : evaluator(evaluator) {
      if (evaluator.depth == maxEvaluationDepth)
        refuse("macros call each other more deeply than nyala allows");
      ++evaluator.depth;
    }
    ~Level() { --evaluator.depth; }
    Level(const Level &) = delete;
    Level &operator=(const Level &) = delete;
    Evaluator &evaluator;
  };

  struct Entered {
    Entered(Evaluator &evaluator, const Scope *outer)
        : evaluator(evaluator), previous(evaluator.scope), scope{outer, {}} {
      evaluator.scope = &scope;
    }
    ~Entered() { evaluator.scope = previous; }
    Entered(const Entered &) = delete;
    Entered &operator=(const Entered &) = delete;
    Evaluator &evaluator;
    Scope *previous;
    Scope scope;
  };

  // --- Statements --------------------------------------------------------------------------

  void execute(const Body &body) {
    for (const std::unique_ptr<Statement> &statement : body) {
      try {
        Level level(*this);
        context.spend(1);
        executeOne(*statement);
      } catch (const Problem &problem) {
        throw problem.at(statement->position);
      }
    }
  }

  void executeOne(const Statement &statement) {
    switch (statement.kind) {
    case Statement::Kind::Text:
      context.spend(statement.text.size());
      output += statement.text;
      break;
    case Statement::Kind::Output:
      output += format(context, evaluate(*statement.value));
      break;
    case Statement::Kind::Set:
      assign(statement, evaluate(*statement.value));
      break;
    case Statement::Kind::SetAttribute:
      return setAttribute(statement);
    case Statement::Kind::SetBlock:
      scope->variables.insert_or_assign(statement.targets[0], Value(capture(statement.body)));
      break;
    case Statement::Kind::If:
      for (const Statement::Branch &branch : statement.branches)
        if (evaluate(*branch.condition).isTrue())
          return execute(branch.body);
      return execute(statement.orElse);
    case Statement::Kind::For:
      return executeFor(statement);
    case Statement::Kind::Macro:
      scope->variables.insert_or_assign(statement.text, Value(&statement));
      break;
    }
  }

  /// Returns what the targets now hold: a tuple if they are several.
  Value assign(const Statement &statement, Value value) {
    if (!statement.unpacks) {
      scope->variables.insert_or_assign(statement.targets[0], value);
      return value;
    }
    std::vector<Value> parts = iterate(context, value);
    if (parts.size() != statement.targets.size())
      refuse("expected " + std::to_string(statement.targets.size()) + " values to assign, got " +
             std::to_string(parts.size()));
    for (size_t index = 0; index != parts.size(); ++index)
      scope->variables.insert_or_assign(statement.targets[index], parts[index]);
    return Value::sequence(Sequence::Flavor::Tuple, std::move(parts));
  }

  void setAttribute(const Statement &statement) {
    const Value *found = scope->find(statement.targets[0]);
    if (!found || found->getKind() != Value::Kind::Namespace)
      refuse("cannot assign to an attribute of '" + statement.targets[0] +
             "', which is no namespace");
    Namespace &target = found->getNamespace();
    Value value = evaluate(*statement.value);
    context.spend(statement.text.size());
    target.attributes.insert_or_assign(statement.text, std::move(value));
  }

  /// What `body` prints, in a scope of its own.
  std::string capture(const Body &body) {
    std::string kept = std::move(output);
    output.clear();
    Entered entered(*this, scope);
    execute(body);
    std::string captured = std::move(output);
    output = std::move(kept);
    return captured;
  }

  void executeFor(const Statement &statement) {
    std::vector<Value> items;
    for (Value &item : iterate(context, evaluate(*statement.value))) {
      if (statement.condition) {
        Entered entered(*this, scope);
        item = assign(statement, item);
        if (!evaluate(*statement.condition).isTrue())
          continue;
      }
      items.push_back(std::move(item));
    }
    if (items.empty()) {
      Entered entered(*this, scope);
      return execute(statement.orElse);
    }
    unsigned nesting = Value::nestAround(items);
    auto loop = std::make_shared<Loop>(Loop{std::move(items), nesting});
    for (; loop->index != loop->items.size(); ++loop->index) {
      context.spend(1);
      Entered entered(*this, scope);
      entered.scope.variables.emplace("loop", Value(std::shared_ptr<const Loop>(loop)));
      assign(statement, loop->items[loop->index]);
      execute(statement.body);
    }
    loop->index = loop->items.size() - 1; // the loop may have been kept in a namespace
  }

  // --- Expressions -------------------------------------------------------------------------

  Value evaluate(const Expression &expression) {
    try {
      Level level(*this);
      context.spend(1);
      return evaluateOne(expression);
    } catch (const Problem &problem) {
      throw problem.at(expression.position);
    }
  }

  Value evaluate(const Expression &expression, size_t operand) {
    return evaluate(*expression.operands[operand]);
  }

  std::vector<Value> evaluateAll(const Expression &expression, size_t from = 0) {
    context.spendElements(expression.operands.size());
    std::vector<Value> values;
    for (size_t index = from; index != expression.operands.size(); ++index)
      values.push_back(evaluate(expression, index));
    return values;
  }

  Arguments evaluateArguments(const Expression &call) {
    Arguments arguments{evaluateAll(call, 1), {}};
    for (const auto &[name, value] : call.keywords)
      arguments.named.emplace_back(name, evaluate(*value));
    return arguments;
  }

  Value evaluateOne(const Expression &expression) {
    using Kind = Expression::Kind;
    switch (expression.kind) {
    case Kind::Literal:
      return expression.literal;
    case Kind::Name:
      return evaluateName(expression.name);
    case Kind::List:
      return Value::list(evaluateAll(expression));
    case Kind::Tuple:
      return Value::sequence(Sequence::Flavor::Tuple, evaluateAll(expression));
    case Kind::Dict:
      return evaluateDict(expression);
    case Kind::Not:
      return Value(!evaluate(expression, 0).isTrue());
    case Kind::Negate:
      return negate(evaluate(expression, 0));
    case Kind::Plus:
      return negate(negate(evaluate(expression, 0)));
    case Kind::Calculate: {
      Value left = evaluate(expression, 0);
      return calculate(context, expression.operators[0], left, evaluate(expression, 1));
    }
    case Kind::And: {
      Value left = evaluate(expression, 0);
      return left.isTrue() ? evaluate(expression, 1) : left;
    }
    case Kind::Or: {
      Value left = evaluate(expression, 0);
      return left.isTrue() ? left : evaluate(expression, 1);
    }
    case Kind::Compare:
      return evaluateCompare(expression);
    case Kind::Concatenate: {
      std::string text;
      for (const Value &value : evaluateAll(expression))
        text += format(context, value);
      return Value(std::move(text));
    }
    case Kind::Conditional:
      if (evaluate(expression, 1).isTrue())
        return evaluate(expression, 0);
      return expression.operands[2] ? evaluate(expression, 2)
                                    : Value::undefined("the result of 'if' without 'else'");
    case Kind::Attribute:
      return getAttribute(context, evaluate(expression, 0), expression.name);
    case Kind::Item: {
      Value value = evaluate(expression, 0);
      return getItem(context, value, evaluate(expression, 1));
    }
    case Kind::Slice:
      return evaluateSlice(expression);
    case Kind::Call:
      return evaluateCall(expression);
    case Kind::Filter: {
      Value value = evaluate(expression, 0);
      return applyFilter(context, expression.name, value, evaluateArguments(expression));
    }
    case Kind::Test: {
      Value value = evaluate(expression, 0);
      return Value(applyTest(context, expression.name, value, evaluateArguments(expression)));
    }
    }
    return Value();
  }

  Value evaluateName(const std::string &name) {
    context.spend(name.size());
    if (const Value *found = scope->find(name))
      return *found;
    if (std::optional<Value> function = findFunction(name))
      return *function;
    return Value::undefined("'" + name + "'");
  }

  Value evaluateDict(const Expression &expression) {
    std::vector<Value> values = evaluateAll(expression);
    std::vector<std::pair<Value, Value>> entries;
    for (size_t index = 0; index != values.size(); index += 2)
      entries.emplace_back(std::move(values[index]), std::move(values[index + 1]));
    return makeDict(context, std::move(entries));
  }

  /// a < b < c means a < b and b < c, each evaluated once.
  Value evaluateCompare(const Expression &expression) {
    Value left = evaluate(expression, 0);
    for (size_t index = 0; index != expression.operators.size(); ++index) {
      Value right = evaluate(expression, index + 1);
      if (!compare(context, expression.operators[index], left, right))
        return Value(false);
      left = std::move(right);
    }
    return Value(true);
  }

  Value evaluateSlice(const Expression &expression) {
    Value value = evaluate(expression, 0), bounds[3];
    for (size_t index = 0; index != 3; ++index)
      if (expression.operands[index + 1])
        bounds[index] = evaluate(expression, index + 1);
    return getSlice(context, value, bounds[0], bounds[1], bounds[2]);
  }

  Value evaluateCall(const Expression &call) {
    const Expression &callee = *call.operands[0];
    Value function;
    if (callee.kind == Expression::Kind::Attribute) {
      Value object = evaluate(callee, 0);
      if (hasMethod(object, callee.name))
        return callMethod(context, object, callee.name, evaluateArguments(call));
      function = getAttribute(context, object, callee.name);
    } else {
      function = evaluate(callee);
    }
    if (function.getKind() == Value::Kind::Function)
      return callFunction(context, function.getFunction(), evaluateArguments(call));
    if (function.getKind() == Value::Kind::Macro)
      return callMacro(function.getMacro(), evaluateArguments(call));
    refuse("cannot call " + function.describe());
  }

  Value callMacro(const Statement &macro, const Arguments &arguments) {
    size_t count = macro.targets.size(), required = count - macro.defaults.size();
    for (const auto &[name, value] : arguments.named)
      if (std::find(macro.targets.begin(), macro.targets.end(), name) == macro.targets.end())
        refuse("the macro '" + macro.text + "' takes no argument '" + name + "'");
    if (arguments.positional.size() > count)
      refuse("the macro '" + macro.text + "' takes at most " + std::to_string(count) +
             " arguments, got " + std::to_string(arguments.positional.size()));
    Entered entered(*this, &global);
    for (size_t index = 0; index != count; ++index) {
      const std::string &name = macro.targets[index];
      auto given = std::find_if(arguments.named.begin(), arguments.named.end(),
                                [&](const auto &argument) { return argument.first == name; });
      bool isNamed = given != arguments.named.end();
      Value value;
      if (index < arguments.positional.size()) {
        if (isNamed)
          refuse("the macro '" + macro.text + "' is given the argument '" + name + "' twice");
        value = arguments.positional[index];
      } else if (isNamed) {
        value = given->second;
      } else if (index >= required) {
        value = evaluate(*macro.defaults[index - required]);
      } else {
        context.spend(name.size());
        value = Value::undefined("the parameter '" + name + "'");
      }
      entered.scope.variables.insert_or_assign(name, std::move(value));
    }
    return Value(capture(macro.body));
  }

  Context &context;
  Scope global{nullptr, {}};
  Scope *scope = &global;
  std::string output;
  unsigned depth = 0;
};

} // namespace

std::string render(const Body &body, const Variables &variables, Context &context) {
  return Evaluator(variables, context).run(body);
}

} // namespace nyala::rt::jinja
