#include "frontends/Hyperparameters.h"
#include "ir/storage/Error.h"

#include "llvm/Support/FormatVariadic.h"

#include <limits>

using namespace nyala;

void Hyperparameters::fail(std::string_view name, const std::string &message) const {
  throw Error(path + ": key '" + getKey(name) + "' " + message);
}

int64_t Hyperparameters::getSize(std::string_view name, std::optional<int64_t> fallback) {
  constexpr uint64_t largest = std::numeric_limits<int32_t>::max();
  std::optional<uint64_t> size = findInteger(read(name));
  if (!size) {
    if (!fallback)
      fail(name, "is missing, expected a positive integer");
    return *fallback;
  }
  if (*size == 0 || *size > largest)
    fail(name, "is " + std::to_string(*size) + ", expected 1 to " + std::to_string(largest));
  return static_cast<int64_t>(*size);
}

double Hyperparameters::getPositive(std::string_view name, std::optional<double> fallback) {
  std::optional<double> value = findFloat(read(name));
  if (!value) {
    if (!fallback)
      fail(name, "is missing, expected a positive number");
    return *fallback;
  }
  if (!isPlausible(*value))
    fail(name, llvm::formatv("is {0:E6}, expected a positive number (1e-18 to 1e18)", *value));
  return *value;
}

double Hyperparameters::getNonNegative(std::string_view name) {
  std::optional<double> value = findFloat(read(name));
  return value == 0 ? 0 : getPositive(name);
}

std::string_view Hyperparameters::getString(std::string_view name, std::string_view fallback) {
  return findString(read(name)).value_or(fallback);
}

bool Hyperparameters::getBool(std::string_view name, bool fallback) {
  return findBool(read(name)).value_or(fallback);
}

void Hyperparameters::refuse(std::string_view name, const std::string &feature) {
  if (!isOff(read(name)))
    fail(name, "asks for " + feature + ", which is not supported");
}

void Hyperparameters::ignore(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names)
    read(name);
}

std::vector<std::string> Hyperparameters::getUnread() const {
  std::vector<std::string> unread = getKeys();
  std::erase_if(unread, [&](const std::string &key) { return keysRead.contains(key); });
  return unread;
}
