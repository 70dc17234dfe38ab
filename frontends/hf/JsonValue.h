//===- JsonValue.h - JSON values that know their place ----------*- C++ -*-===//
//
// How the files of a Hugging Face model directory are read: strictly (no
// duplicate keys, no deep nesting, valid UTF-8), and with errors that say where
// ("model/tokenizer.json: model.merges[17]: expected a string, got 5").
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_JSONVALUE_H
#define NYALA_FRONTENDS_HF_JSONVALUE_H

#include "ir/storage/Error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nyala::hf {

/// A value of a document and where it is. A view: the document must outlive it. What is not as
/// asked for throws nyala::Error.
class JsonValue {
public:
  JsonValue(const std::string &file, std::string path, const nlohmann::json &value)
      : file(&file), path(std::move(path)), value(&value) {}

  [[noreturn]] void fail(const std::string &message) const;
  /// "expected <what>, got …" with the value, shortened.
  [[noreturn]] void failExpected(const std::string &what) const;

  bool isString() const { return value->is_string(); }
  bool isObject() const { return value->is_object(); }
  bool isArray() const { return value->is_array(); }

  const std::string &asString() const;
  bool asBool() const;
  /// An integer below `limit`.
  uint64_t asInteger(uint64_t limit) const;
  double asNumber() const;

  /// A member of this object; nullopt if it is absent or null.
  std::optional<JsonValue> find(std::string_view key) const;
  /// A member that must be there.
  JsonValue get(std::string_view key) const;

  /// Calls action(key, member) for the members of this object, ascending by key.
  template <typename Action> void forMembers(Action action) const {
    if (!isObject())
      failExpected("an object");
    for (const auto &[key, member] : value->items())
      action(key, JsonValue(*file, path + "[" + quote(key) + "]", member));
  }

  /// Number of elements of this array, or of members of this object.
  size_t size() const;
  JsonValue at(size_t index) const;

private:
  const std::string *file;
  std::string path; ///< from the file's root, empty for it
  const nlohmann::json *value;
};

/// A file's text parsed. `path` is for messages. Throws nyala::Error: empty or larger than
/// `maxBytes` (a tree takes about 30 times its text), not JSON (with line and column), nested
/// deeper than 64 levels, a key twice in an object.
nlohmann::json parseJson(const std::string &path, std::string_view text,
                         size_t maxBytes = size_t{1} << 28);
/// The object in a file. Throws as parseJson and MappedFile do, and if it is no object.
nlohmann::json readJsonFile(const std::string &path, size_t maxBytes);

/// A parsed file. Neither moved nor copied, so that values stay valid.
class JsonDocument {
public:
  /// Throws as parseJson does.
  JsonDocument(std::string path, std::string_view text)
      : path(std::move(path)), root(parseJson(this->path, text)) {}
  JsonDocument(const JsonDocument &) = delete;
  JsonDocument &operator=(const JsonDocument &) = delete;

  JsonValue getRoot() const { return {path, "", root}; }
  const std::string &getPath() const { return path; }

private:
  std::string path;
  nlohmann::json root;
};

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_JSONVALUE_H
