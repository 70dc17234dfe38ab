//===- Number.h - Numbers as Python has them --------------------*- C++ -*-===//
//
// References show numbers, and what is computed of them, as Jinja does, whose
// numbers are Python's: integers are exact, / makes a float, a float is shown by
// the shortest digits that read back as it.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_NUMBER_H
#define NYALA_RUNTIME_GROUNDING_NUMBER_H

#include <cstdint>
#include <string>

namespace nyala::rt::grounding {

/// Data hold 64 bits; sums and differences of such integers fit in 128.
class Number {
public:
  using Integer = __int128;

  Number() : Number(int64_t{0}) {}
  explicit Number(int64_t value) : integer(value) {}
  explicit Number(double value) : isReal(true), real(value) {}

  bool isFloat() const { return isReal; }
  /// Nearest float.
  double toDouble() const { return isReal ? real : static_cast<double>(integer); }
  bool isZero() const { return isReal ? real == 0 : integer == 0; }

  /// May it stand in sums and differences? Integers, and floats of at most 1e150, whose sums are
  /// finite.
  bool isOperand() const;
  /// May it be divided? An operand that, if it is an integer, is a float without rounding.
  bool isDividend() const;
  /// May others be divided by it? Not 0, and not so small that a quotient is infinite.
  bool isDivisor() const;

  Number operator+(const Number &other) const;
  Number operator-(const Number &other) const;
  /// A float. Both are dividends, `other` a divisor.
  Number operator/(const Number &other) const;
  /// Exact, also of an integer and a float. Of numbers in data, not of sums.
  bool operator<(const Number &other) const;
  /// round(x, digits): an integer as it is, else the nearest float, of two the even one.
  Number round(int digits) const;

  /// str(): "-3", "2.0", "1e+16".
  std::string show() const;

private:
  static Number makeInteger(Integer value);

  bool isReal = false;
  Integer integer = 0;
  double real = 0;
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_NUMBER_H
