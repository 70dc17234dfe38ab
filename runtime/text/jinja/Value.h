//===- Value.h - Values of template expressions -----------------*- C++ -*-===//
//
// The Python values a chat template can reach. Values are immutable, except for
// the attributes of a namespace() and the position of a loop; copying one is cheap.
//
// Containers, loops among them, know how deeply they nest, and nesting is bounded: so
// printing, comparing and destroying a value cannot overflow the stack. Namespaces are owned
// by the rendering (Context), so that one that holds itself does not leak.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_JINJA_VALUE_H
#define NYALA_RUNTIME_TEXT_JINJA_VALUE_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace nyala::rt::jinja {

class Value;
struct Statement;
struct Namespace;

/// A name, attribute or item that does not exist; `what` says which, for messages.
struct Undefined {
  std::shared_ptr<const std::string> what;
};
struct None {};

struct Text {
  std::string text;
  /// Made by `safe` or `escape`: Python's Markup, which escapes what is combined with it.
  bool isMarkup = false;
};

struct Sequence {
  enum class Flavor {
    List,
    Tuple,
    Range,
    /// dict.keys(), values() and items(): has a length, cannot be indexed.
    View,
    /// What a lazy filter returns: can be walked once.
    Iterator,
  };
  Flavor flavor;
  std::vector<Value> items;
  unsigned nesting;
  mutable bool isExhausted = false;
};

/// Entries in order of insertion. Templates' dicts are small: lookups are linear.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  unsigned nesting;
};

/// The variable `loop` of a running for statement.
struct Loop {
  std::vector<Value> items;
  unsigned nesting;
  size_t index = 0;
};

enum class Function { Namespace, Range, Dict, RaiseException, StrftimeNow };

class Value {
public:
  enum class Kind {
    Undefined,
    None,
    Boolean,
    Integer,
    Float,
    String,
    Sequence,
    Dict,
    Namespace,
    Loop,
    Macro,
    Function,
  };
  static constexpr unsigned maxNesting = 64;

  /// None.
  Value() : data(None{}) {}
  explicit Value(bool value) : data(value) {}
  explicit Value(int64_t value) : data(value) {}
  explicit Value(double value) : data(value) {}
  explicit Value(std::string value) : Value(Text{std::move(value)}) {}
  explicit Value(std::string_view value) : Value(std::string(value)) {}
  explicit Value(const char *) = delete;
  explicit Value(Text value) : data(std::make_shared<const Text>(std::move(value))) {}
  explicit Value(Namespace *value) : data(value) {}
  explicit Value(std::shared_ptr<const Loop> value) : data(std::move(value)) {}
  explicit Value(const Statement *macro) : data(macro) {}
  explicit Value(Function function) : data(function) {}

  static Value undefined(std::string what);
  /// These throw Problem for values nested deeper than maxNesting.
  static Value sequence(Sequence::Flavor flavor, std::vector<Value> items);
  static Value list(std::vector<Value> items);
  /// Keys must be hashable and distinct: see Operators.h for a dict built from any entries.
  static Value dict(std::vector<std::pair<Value, Value>> entries);

  Kind getKind() const { return static_cast<Kind>(data.index()); }
  bool isUndefined() const { return getKind() == Kind::Undefined; }
  bool isNone() const { return getKind() == Kind::None; }
  bool isString() const { return getKind() == Kind::String; }
  bool isDict() const { return getKind() == Kind::Dict; }
  bool isSequence() const { return getKind() == Kind::Sequence; }
  bool isSequence(Sequence::Flavor flavor) const {
    return isSequence() && getSequence().flavor == flavor;
  }
  /// Python's bool is an int.
  bool isInteger() const { return getKind() == Kind::Integer || getKind() == Kind::Boolean; }
  bool isNumber() const { return isInteger() || getKind() == Kind::Float; }

  // The getters hold for the kinds they name only.
  const std::string &getUndefinedName() const { return *std::get<Undefined>(data).what; }
  int64_t getInteger() const;
  double getNumber() const;
  const Text &getText() const { return *std::get<std::shared_ptr<const Text>>(data); }
  /// Refuses Markup, whose operations differ from str's.
  std::string_view getString() const;
  const Sequence &getSequence() const { return *std::get<std::shared_ptr<const Sequence>>(data); }
  const Dict &getDict() const { return *std::get<std::shared_ptr<const Dict>>(data); }
  Namespace &getNamespace() const { return *std::get<Namespace *>(data); }
  const Loop &getLoop() const { return *std::get<std::shared_ptr<const Loop>>(data); }
  const Statement &getMacro() const { return *std::get<const Statement *>(data); }
  Function getFunction() const { return std::get<Function>(data); }

  /// Is it the same object? Meaningful for containers.
  bool isSame(const Value &other) const;
  bool isTrue() const;
  /// "a list", for messages.
  std::string describe() const;
  unsigned getNesting() const;
  /// Nesting of a container that holds `items`.
  static unsigned nestAround(const std::vector<Value> &items);

private:
  // In the order of Kind.
  std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>,
               std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>, Namespace *,
               std::shared_ptr<const Loop>, const Statement *, Function>
      data;
};

struct Namespace {
  std::map<std::string, Value, std::less<>> attributes;
};

} // namespace nyala::rt::jinja

#endif // NYALA_RUNTIME_TEXT_JINJA_VALUE_H
