// Typed look-ups in a GGUF file's metadata.
#include "frontends/gguf/GgufFile.h"
#include "ir/storage/Error.h"

#include <limits>

namespace nyala::gguf {

/// In the order of the alternatives of Value.
static constexpr std::string_view valueTypeNames[] = {"an unsigned integer",
                                                      "an integer",
                                                      "a float",
                                                      "a bool",
                                                      "a string",
                                                      "an array of unsigned integers",
                                                      "an array of integers",
                                                      "an array of floats",
                                                      "an array of bools",
                                                      "an array of strings"};
static_assert(std::size(valueTypeNames) == std::variant_size_v<Value>);

[[noreturn]] static void failType(const GgufFile &file, std::string_view key, const Value &value,
                                  const char *expected) {
  throw Error(file.getPath() + ": key " + quote(key) + " is " +
              std::string(valueTypeNames[value.index()]) + ", expected " + expected);
}

static const Value *find(const GgufFile &file, std::string_view key) {
  auto found = file.getMetadata().find(key);
  return found == file.getMetadata().end() ? nullptr : &found->second;
}

/// Null if the key is absent.
template <typename T>
static const T *findTyped(const GgufFile &file, std::string_view key, const char *expected) {
  const Value *value = find(file, key);
  if (!value)
    return nullptr;
  if (const T *typed = std::get_if<T>(value))
    return typed;
  failType(file, key, *value, expected);
}

std::optional<uint64_t> GgufFile::getInteger(std::string_view key) const {
  const Value *value = find(*this, key);
  if (!value)
    return std::nullopt;
  if (auto *number = std::get_if<uint64_t>(value))
    return *number;
  auto *number = std::get_if<int64_t>(value);
  if (!number)
    failType(*this, key, *value, "an integer");
  if (*number < 0)
    throw Error(getPath() + ": key " + quote(key) + " is " + std::to_string(*number) +
                ", expected at least 0");
  return static_cast<uint64_t>(*number);
}

std::optional<double> GgufFile::getFloat(std::string_view key) const {
  const Value *value = find(*this, key);
  if (!value)
    return std::nullopt;
  if (auto *number = std::get_if<double>(value))
    return *number;
  if (auto *number = std::get_if<uint64_t>(value))
    return static_cast<double>(*number);
  if (auto *number = std::get_if<int64_t>(value))
    return static_cast<double>(*number);
  failType(*this, key, *value, "a float");
}

std::optional<bool> GgufFile::getBool(std::string_view key) const {
  const bool *value = findTyped<bool>(*this, key, "a bool");
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::string_view> GgufFile::getString(std::string_view key) const {
  const auto *value = findTyped<std::string_view>(*this, key, "a string");
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::vector<int64_t>> GgufFile::getIntegers(std::string_view key) const {
  const Value *value = find(*this, key);
  if (!value)
    return std::nullopt;
  if (auto *numbers = std::get_if<std::vector<int64_t>>(value))
    return *numbers;
  auto *numbers = std::get_if<std::vector<uint64_t>>(value);
  if (!numbers)
    failType(*this, key, *value, "an array of integers");
  std::vector<int64_t> converted;
  converted.reserve(numbers->size());
  for (uint64_t number : *numbers) {
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      throw Error(getPath() + ": key " + quote(key) + " holds " + std::to_string(number) +
                  ", expected less than 2^63");
    converted.push_back(static_cast<int64_t>(number));
  }
  return converted;
}

const std::vector<std::string_view> *GgufFile::getStrings(std::string_view key) const {
  return findTyped<std::vector<std::string_view>>(*this, key, "an array of strings");
}

} // namespace nyala::gguf
