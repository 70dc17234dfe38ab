//===- Hyperparameters.h - An architecture's keys of a GGUF file -*- C++ -*-===//
//
// Keys are named without their prefix: "block_count" is llama.block_count.
// Every getter throws nyala::Error naming the whole key, what was expected and
// what was got. Keys are remembered as they are read, so that those nobody
// asked for can be reported.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_GGUF_HYPERPARAMETERS_H
#define NYALA_FRONTENDS_GGUF_HYPERPARAMETERS_H

#include "frontends/gguf/GgufFile.h"

#include <initializer_list>
#include <set>

namespace nyala::gguf {

/// Is a scale, base or factor one that a model may have? Bounded so that a square, a reciprocal and
/// their f32 stay finite and above zero.
inline bool isPlausible(double value) { return value >= 1e-18 && value <= 1e18; }

class Hyperparameters {
public:
  Hyperparameters(const GgufFile &file, std::string architecture)
      : file(file), prefix(std::move(architecture) + ".") {}

  /// The whole key.
  std::string getKey(std::string_view name) const { return prefix + std::string(name); }
  bool has(std::string_view name) const { return file.getMetadata().contains(getKey(name)); }

  /// A count or size, 1 to 2^31 - 1, so that products of two cannot overflow. Without `fallback`
  /// the key is required.
  int64_t getSize(std::string_view name, std::optional<int64_t> fallback = std::nullopt);
  /// A plausible number above zero.
  double getPositive(std::string_view name, std::optional<double> fallback = std::nullopt);
  std::string_view getString(std::string_view name, std::string_view fallback);
  bool getBool(std::string_view name, bool fallback);

  /// For keys that ask for something the builder does not do: throws if it is there and neither
  /// zero nor false. `feature` says what it asks for.
  void refuse(std::string_view name, const std::string &feature);
  /// For keys that do not change the model's function.
  void ignore(std::initializer_list<std::string_view> names);

  /// The architecture's keys that no call named, whole.
  std::vector<std::string> getUnread() const;

  /// Throws "PATH: key 'ARCHITECTURE.NAME' MESSAGE".
  [[noreturn]] void fail(std::string_view name, const std::string &message) const;

private:
  /// The whole key, remembered as read.
  const std::string &read(std::string_view name);

  const GgufFile &file;
  std::string prefix;
  std::set<std::string, std::less<>> keysRead;
};

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_HYPERPARAMETERS_H
