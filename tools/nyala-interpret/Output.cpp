#include "tools/nyala-interpret/Output.h"

#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

using namespace nyala;
using namespace nyala::interpret;
using reference::Precision;
using reference::Tensor;

/// Tensors of more elements are summarized in text.
static constexpr int64_t kMaxPrinted = 64;
/// Elements that a summary shows.
static constexpr int64_t kShown = 8;

std::string interpret::formatNumber(double value, Precision precision) {
  char buffer[32];
  std::to_chars_result end =
      precision == Precision::F32
          ? std::to_chars(std::begin(buffer), std::end(buffer), static_cast<float>(value))
          : std::to_chars(std::begin(buffer), std::end(buffer), value);
  return std::string(buffer, end.ptr);
}

static std::string formatType(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static std::string formatRow(llvm::ArrayRef<double> row, Precision precision) {
  std::string text;
  for (double value : row)
    text += (text.empty() ? "" : ", ") + formatNumber(value, precision);
  return "[" + text + "]";
}

static void printSummary(const Tensor &tensor, Precision precision) {
  auto number = [&](double value) { return formatNumber(value, precision); };
  double sum = 0;
  for (double value : tensor.values())
    sum += value;
  auto [least, largest] = std::minmax_element(tensor.values().begin(), tensor.values().end());
  std::cout << "  " << tensor.size() << " values, from " << number(*least) << " to "
            << number(*largest) << ", mean " << number(sum / static_cast<double>(tensor.size()))
            << ", first " << formatRow(tensor.values().take_front(kShown), precision) << "\n";
}

static void printText(const Parameter &parameter, const Tensor &tensor, const Options &options) {
  // Integers are printed in full, f32 as such.
  Precision precision = llvm::isa<mlir::Float32Type>(parameter.getElementType())
                            ? options.interpreter.precision
                            : Precision::F64;
  std::cout << parameter.name << ": ";
  for (int64_t size : tensor.getShape())
    std::cout << size << "x";
  std::cout << formatType(parameter.getElementType()) << "\n";
  if (tensor.size() > kMaxPrinted && !options.full)
    return printSummary(tensor, precision);
  int64_t width = tensor.getShape().empty() ? 1 : tensor.getShape().back();
  for (int64_t i = 0; i < tensor.size(); i += width)
    std::cout << "  " << formatRow(tensor.values().slice(i, width), precision) << "\n";
}

static nlohmann::ordered_json toJson(const Parameter &parameter, const Tensor &tensor) {
  return {{"name", parameter.name},
          {"type", formatType(parameter.type)},
          {"shape", std::vector<int64_t>(tensor.getShape())},
          {"values", std::vector<double>(tensor.values())}};
}

void interpret::printResults(llvm::ArrayRef<Parameter> results, llvm::ArrayRef<Tensor> values,
                             const Options &options) {
  if (!options.json) {
    for (auto [parameter, tensor] : llvm::zip_equal(results, values))
      printText(parameter, tensor, options);
    return;
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (auto [parameter, tensor] : llvm::zip_equal(results, values))
    list.push_back(toJson(parameter, tensor));
  std::cout << nlohmann::ordered_json{{"results", std::move(list)}}.dump() << "\n";
}
