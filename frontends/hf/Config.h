//===- Config.h - Keys of a checkpoint's config.json ------------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_HF_CONFIG_H
#define NYALA_FRONTENDS_HF_CONFIG_H

#include "frontends/Hyperparameters.h"

#include <nlohmann/json.hpp>

namespace nyala::hf {

/// The keys of config.json, or of an object in it. A key with null counts as absent, as it does
/// for transformers. Errors and string views refer to the JSON, which must outlive them.
class Config : public Hyperparameters {
public:
  /// `path` is config.json; `prefix`, with a dot at its end, that of the object in it.
  Config(const nlohmann::json &object, const std::string &path, const std::string &prefix = "")
      : Hyperparameters(path, prefix), object(object) {}

  const std::string &getPath() const { return path; }

  /// The object at a key, remembered as read; nullopt if absent or empty.
  std::optional<Config> getObject(std::string_view name);
  /// The array of strings at a key, remembered as read; empty if absent.
  std::vector<std::string> getStrings(std::string_view name);
  /// The array of whole numbers from 0 up at a key, remembered as read; the key is required.
  std::vector<int64_t> getIndices(std::string_view name);
  /// For what models of one type do in all layers: throws if the key is above `most`.
  void refuseAbove(std::string_view name, int64_t most, const std::string &feature);

protected:
  bool hasKey(const std::string &key) const override { return find(key); }
  std::optional<uint64_t> findInteger(const std::string &key) const override;
  std::optional<double> findFloat(const std::string &key) const override;
  std::optional<bool> findBool(const std::string &key) const override;
  std::optional<std::string_view> findString(const std::string &key) const override;
  bool isOff(const std::string &key) const override;
  std::vector<std::string> getKeys() const override;

private:
  /// Null if absent.
  const nlohmann::json *find(const std::string &key) const;
  /// The same; throws if it is of another type.
  const nlohmann::json *find(const std::string &key,
                             bool (nlohmann::json::*isType)() const noexcept,
                             const std::string &expected) const;
  [[noreturn]] void failType(const std::string &key, const nlohmann::json &value,
                             const std::string &expected) const;

  const nlohmann::json &object;
};

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_CONFIG_H
