//===- Evaluator.h - Rendering of a parsed template -------------*- C++ -*-===//
//
// Walks the syntax tree. Scopes are Jinja's: a for statement's body (anew for
// each item), a macro and a block set have their own, an if statement has none;
// a macro sees the template's variables, not its caller's.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_EVALUATOR_H
#define NYALA_RUNTIME_TEXT_JINJA_EVALUATOR_H

#include "runtime/text/jinja/Ast.h"
#include "runtime/text/jinja/Context.h"

#include <map>
#include <string>
#include <string_view>

namespace nyala::rt::jinja {

/// Deepest evaluation: what the parser lets through nests less, so that only macros that call
/// themselves get here.
constexpr unsigned maxEvaluationDepth = 600;

using Variables = std::map<std::string, Value, std::less<>>;

/// Throws Failure, with line and column unless the template raised it itself.
std::string render(const Body &body, const Variables &variables, Context &context);

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_EVALUATOR_H
