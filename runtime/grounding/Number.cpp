//===- Number.cpp - Numbers as Python has them ----------------------------===//

#include "runtime/grounding/Number.h"

#include "runtime/text/jinja/Format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace nyala::rt::grounding {

static constexpr double largest = 1e150;
static constexpr Number::Integer largestExact = Number::Integer{1} << 53;

Number Number::makeInteger(Integer value) {
  Number number;
  number.integer = value;
  return number;
}

bool Number::isOperand() const { return !isReal || std::abs(real) <= largest; }

bool Number::isDividend() const {
  return isReal ? isOperand() : -largestExact <= integer && integer <= largestExact;
}

bool Number::isDivisor() const { return isDividend() && std::abs(toDouble()) >= 1 / largest; }

Number Number::operator+(const Number &other) const {
  if (isReal || other.isReal)
    return Number(toDouble() + other.toDouble());
  return makeInteger(integer + other.integer);
}

Number Number::operator-(const Number &other) const {
  if (isReal || other.isReal)
    return Number(toDouble() - other.toDouble());
  return makeInteger(integer - other.integer);
}

Number Number::operator/(const Number &other) const {
  return Number(toDouble() / other.toDouble());
}

bool Number::operator<(const Number &other) const {
  if (!isReal && !other.isReal)
    return integer < other.integer;
  // The long doubles of x86-64 hold every 64-bit integer.
  auto widen = [](const Number &number) {
    return number.isReal ? static_cast<long double>(number.real)
                         : static_cast<long double>(number.integer);
  };
  return widen(*this) < widen(other);
}

Number Number::round(int digits) const {
  if (!isReal || !std::isfinite(real))
    return *this;
  char buffer[400]; // 309 digits before the point
  char *end =
      std::to_chars(buffer, buffer + sizeof buffer, real, std::chars_format::fixed, digits).ptr;
  double rounded = real;
  std::from_chars(buffer, end, rounded);
  return Number(rounded);
}

std::string Number::show() const {
  if (isReal)
    return jinja::formatFloat(real);
  std::string digits;
  bool isNegative = integer < 0;
  auto rest = isNegative ? -static_cast<unsigned __int128>(integer)
                         : static_cast<unsigned __int128>(integer);
  do
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
  while ((rest /= 10) != 0);
  if (isNegative)
    digits += '-';
  std::ranges::reverse(digits);
  return digits;
}

} // namespace nyala::rt::grounding
