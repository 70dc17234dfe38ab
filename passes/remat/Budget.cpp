#include "passes/remat/Budget.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <optional>

using namespace nyala::remat;

/// Digits with at most one point between or behind them.
static std::optional<double> parseDecimal(llvm::StringRef text) {
  double value;
  if (text.empty() || !llvm::isDigit(text.front()) ||
      text.find_first_not_of("0123456789.") != llvm::StringRef::npos || text.getAsDouble(value))
    return std::nullopt;
  return value;
}

/// Bytes of a unit in small letters; 0 if there is no such unit.
static double getUnit(llvm::StringRef unit) {
  return llvm::StringSwitch<double>(unit)
      .Cases({"", "b"}, 1)
      .Case("kb", 1e3)
      .Case("mb", 1e6)
      .Case("gb", 1e9)
      .Case("tb", 1e12)
      .Case("kib", 0x1p10)
      .Case("mib", 0x1p20)
      .Case("gib", 0x1p30)
      .Case("tib", 0x1p40)
      .Default(0);
}

static bool parse(llvm::StringRef text, Budget &budget) {
  if (text.consume_back("%")) {
    std::optional<double> percent = parseDecimal(text);
    budget.isFraction = true;
    budget.fraction = percent.value_or(0) / 100;
    return percent && budget.fraction > 0 && budget.fraction <= 1;
  }
  // A double does not hold every number of bytes.
  if (!text.getAsInteger(10, budget.bytes))
    return budget.bytes >= 0 && llvm::isDigit(text.front());
  llvm::StringRef number = text.take_while([](char c) { return llvm::isDigit(c) || c == '.'; });
  std::string unit = text.drop_front(number.size()).lower();
  double bytes = parseDecimal(number).value_or(-1) * getUnit(unit);
  budget.bytes = bytes > 0 && bytes < 0x1p62 ? static_cast<int64_t>(bytes) : 0;
  bool isWhole = !number.contains('.') || (!unit.empty() && unit != "b");
  return getUnit(unit) > 0 && isWhole && bytes >= 0 && bytes < 0x1p62;
}

llvm::Expected<Budget> nyala::remat::parseBudget(llvm::StringRef text) {
  Budget budget;
  budget.text = text.str();
  if (parse(text, budget))
    return budget;
  return llvm::createStringError(
      "expected bytes (123456789), a size (4GiB, 1.5GB, 500MiB; units B, KB, MB, GB, TB, KiB, MiB, "
      "GiB, TiB) or a percentage above 0% and up to 100%, got '" +
      text + "'");
}
