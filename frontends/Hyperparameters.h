//===- Hyperparameters.h - A model's keys, whatever its format --*- C++ -*-===//
//
// Keys are named without their prefix: "block_count" is llama.block_count in a
// GGUF file. Every getter throws nyala::Error naming the whole key, what was
// expected and what was got. Keys are remembered as they are read, so that
// those nobody asked for can be reported.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HYPERPARAMETERS_H
#define NYALA_FRONTENDS_HYPERPARAMETERS_H

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nyala {

/// Is a scale, base or factor one that a model may have? Bounded so that a square, a reciprocal and
/// their f32 stay finite and above zero.
inline bool isPlausible(double value) { return value >= 1e-18 && value <= 1e18; }

class Hyperparameters {
public:
  virtual ~Hyperparameters() = default;

  /// The whole key.
  std::string getKey(std::string_view name) const { return prefix + std::string(name); }
  bool has(std::string_view name) const { return hasKey(getKey(name)); }

  /// A count or size, 1 to 2^31 - 1, so that products of two cannot overflow. Without `fallback`
  /// the key is required.
  int64_t getSize(std::string_view name, std::optional<int64_t> fallback = std::nullopt);
  /// A plausible number above zero.
  double getPositive(std::string_view name, std::optional<double> fallback = std::nullopt);
  /// A number from 0 to 1e18; the key is required.
  double getNonNegative(std::string_view name);
  std::string_view getString(std::string_view name, std::string_view fallback);
  bool getBool(std::string_view name, bool fallback);

  /// For keys that ask for something the importer does not do: throws if it is there and neither
  /// zero nor false nor empty. `feature` says what it asks for.
  void refuse(std::string_view name, const std::string &feature);
  /// For keys that do not change the model's function.
  void ignore(std::initializer_list<std::string_view> names);

  /// The keys with the prefix that no call named, whole.
  std::vector<std::string> getUnread() const;

  /// Throws "PATH: key 'WHOLE KEY' MESSAGE".
  [[noreturn]] void fail(std::string_view name, const std::string &message) const;

protected:
  Hyperparameters(std::string path, std::string prefix)
      : path(std::move(path)), prefix(std::move(prefix)) {}

  /// The whole key, remembered as read.
  const std::string &read(std::string_view name) { return *keysRead.insert(getKey(name)).first; }

  // Look-ups by the whole key. A value of another type throws, naming key, expected and actual
  // type.

  virtual bool hasKey(const std::string &key) const = 0;
  virtual std::optional<uint64_t> findInteger(const std::string &key) const = 0;
  virtual std::optional<double> findFloat(const std::string &key) const = 0; ///< or an integer
  virtual std::optional<bool> findBool(const std::string &key) const = 0;
  virtual std::optional<std::string_view> findString(const std::string &key) const = 0;
  /// Absent, or zero, false or empty.
  virtual bool isOff(const std::string &key) const = 0;
  /// All keys with the prefix.
  virtual std::vector<std::string> getKeys() const = 0;

  const std::string path, prefix;

private:
  std::set<std::string, std::less<>> keysRead;
};

} // namespace nyala

#endif // NYALA_FRONTENDS_HYPERPARAMETERS_H
