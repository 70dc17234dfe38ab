#include "tools/nyala-interpret/Shapes.h"

#include "ir/reference/Interpreter.h"
#include "ir/storage/Error.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <set>

using namespace mlir;
using namespace nyala;
using namespace nyala::interpret;

std::string interpret::formatShape(ArrayRef<int64_t> shape) {
  std::vector<std::string> sizes;
  for (int64_t size : shape)
    sizes.push_back(ShapedType::isDynamic(size) ? "?" : std::to_string(size));
  return "[" + llvm::join(sizes, ", ") + "]";
}

/// Name of the size that dimension `dim` of an argument shares with others; empty: its own.
static std::string getSizeName(const Parameter &parameter, unsigned dim) {
  if (parameter.name == "wanted")
    return dim == 0 ? "wanted" : "";
  if (parameter.isState || parameter.getShape().size() == 3)
    return dim == 0 ? "sequences" : dim == 1 ? "slots" : "";
  return dim == 0 ? "rows" : "";
}

/// Takes sizes from `from` where `shape` leaves them open. `what` and `other` are for the message.
static void merge(SmallVectorImpl<int64_t> &shape, ArrayRef<int64_t> from, const std::string &name,
                  const std::string &other) {
  bool agree = shape.size() == from.size();
  for (size_t i = 0; agree && i < from.size(); ++i)
    agree =
        shape[i] == from[i] || ShapedType::isDynamic(shape[i]) || ShapedType::isDynamic(from[i]);
  if (!agree)
    throw Error("argument " + quote(name) + " has shape " + formatShape(shape) + ", " + other +
                " " + formatShape(from));
  for (auto [size, known] : llvm::zip_equal(shape, from))
    if (ShapedType::isDynamic(size))
      size = known;
}

/// Arguments of all functions, by name in order of appearance; types on all sides agree.
static std::vector<Input> collectInputs(ArrayRef<FunctionOpInterface> functions) {
  std::vector<Input> inputs;
  for (FunctionOpInterface function : functions)
    for (const Parameter &parameter : getArguments(function)) {
      auto known = llvm::find_if(
          inputs, [&](const Input &input) { return input.parameter.name == parameter.name; });
      if (known == inputs.end()) {
        inputs.push_back({parameter, parameter.getShape()});
        continue;
      }
      merge(known->shape, parameter.getShape(), parameter.name, "in the second module");
      Parameter &first = known->parameter;
      if (first.maxRows < 0 || (parameter.maxRows >= 0 && parameter.maxRows < first.maxRows))
        first.maxRows = parameter.maxRows;
    }
  return inputs;
}

/// Shape of a given value: its own, or for a list of numbers that of the argument, whose one open
/// dimension follows from the count.
static SmallVector<int64_t> fitGiven(const Input &input, const GivenValue &value) {
  SmallVector<int64_t> shape = input.shape;
  if (!value.isList() || shape.size() == 1)
    return value.shape;
  int64_t known = 1, open = -1;
  for (auto [i, size] : llvm::enumerate(shape))
    if (!ShapedType::isDynamic(size))
      known *= std::min(size, reference::kMaxElements + 1);
    else if (std::exchange(open, i) >= 0)
      throw Error("input " + quote(input.parameter.name) + " has several sizes open: expected " +
                  "nested arrays of shape " + formatShape(shape));
  auto count = static_cast<int64_t>(value.numbers.size());
  if (open >= 0)
    shape[open] = known == 0 ? 0 : count / known;
  if (!reference::fits(shape) || reference::Tensor::getNumElements(shape) != count)
    throw Error("input " + quote(input.parameter.name) + " has " + std::to_string(count) +
                " values, expected shape " + formatShape(input.shape));
  return shape;
}

/// Applies sizes like "0.1=8" (dimension 1 of argument 0, or of the argument of that name). Returns
/// the names used.
static std::set<std::string> applyOwnDims(std::vector<Input> &inputs,
                                          const std::map<std::string, int64_t> &dims) {
  std::set<std::string> used;
  for (const auto &[name, size] : dims) {
    auto [argument, text] = StringRef(name).rsplit('.');
    unsigned dim, index;
    if (text.getAsInteger(10, dim))
      continue;
    bool isIndex = !argument.getAsInteger(10, index);
    for (auto [i, input] : llvm::enumerate(inputs)) {
      if (input.parameter.name != argument && !(isIndex && index == i))
        continue;
      if (dim >= input.shape.size())
        throw Error("--dim " + name + ": the argument has shape " + formatShape(input.shape));
      if (!ShapedType::isDynamic(input.shape[dim]) && input.shape[dim] != size)
        throw Error("--dim " + name + "=" + std::to_string(size) + ": the argument has shape " +
                    formatShape(input.shape));
      input.shape[dim] = size;
      used.insert(name);
      break;
    }
  }
  return used;
}

/// Sizes that `dims` names and those that some argument fixes; defaults for the rest.
static Sizes chooseSizes(ArrayRef<Input> inputs, const std::map<std::string, int64_t> &dims) {
  Sizes sizes, maxima;
  for (const Input &input : inputs)
    for (auto [dim, size] : llvm::enumerate(input.shape)) {
      std::string name = getSizeName(input.parameter, dim);
      // Without a role only an open size is known to be a number of rows.
      bool isNamed = !llvm::isDigit(input.parameter.name.front()) ||
                     ShapedType::isDynamic(input.parameter.getShape()[dim]);
      if (!name.empty() && isNamed && !ShapedType::isDynamic(size))
        sizes.emplace(name, size);
      if (dim == 0 && input.parameter.maxRows >= 0) {
        auto [maximum, isNew] = maxima.emplace(name, input.parameter.maxRows);
        maximum->second = std::min(maximum->second, input.parameter.maxRows);
      }
    }
  for (const auto &[name, size] : dims) {
    if (auto known = sizes.find(name); known != sizes.end() && known->second != size)
      throw Error("--dim " + name + "=" + std::to_string(size) + ": an argument has " +
                  std::to_string(known->second));
    if (llvm::is_contained({"rows", "wanted", "sequences", "slots", "start"}, name))
      sizes[name] = size;
  }
  auto setDefault = [&](const std::string &name, int64_t size) {
    if (auto maximum = maxima.find(name); maximum != maxima.end())
      size = std::min(size, maximum->second);
    sizes.emplace(name, size);
  };
  setDefault("rows", 5);
  setDefault("wanted", std::min<int64_t>(2, sizes["rows"]));
  setDefault("sequences", 1);
  setDefault("slots", 16);
  setDefault("start", 0);
  return sizes;
}

std::vector<Input> interpret::resolveShapes(ArrayRef<FunctionOpInterface> functions,
                                            const std::map<std::string, GivenValue> &given,
                                            const std::map<std::string, int64_t> &dims,
                                            Sizes &sizes) {
  std::vector<Input> inputs = collectInputs(functions);
  for (const auto &[name, value] : given) {
    auto input = llvm::find_if(
        inputs, [name = name](const Input &input) { return input.parameter.name == name; });
    if (input == inputs.end()) {
      std::vector<std::string> names;
      names.reserve(inputs.size());
      for (const Input &known : inputs)
        names.push_back(known.parameter.name);
      throw Error("input " + quote(name) + " is no argument: expected one of " +
                  llvm::join(names, ", "));
    }
    merge(input->shape, fitGiven(*input, value), name, "as input");
  }

  std::set<std::string> own = applyOwnDims(inputs, dims);
  sizes = chooseSizes(inputs, dims);
  for (const auto &[name, size] : dims)
    if (!own.contains(name) && !sizes.contains(name))
      throw Error("--dim " + quote(name) +
                  " is no size: expected rows, wanted, sequences, slots, "
                  "start or ARGUMENT.DIMENSION");

  for (Input &input : inputs) {
    for (auto [dim, size] : llvm::enumerate(input.shape))
      if (ShapedType::isDynamic(size)) {
        std::string name = getSizeName(input.parameter, dim);
        if (name.empty())
          throw Error("size " + std::to_string(dim) + " of argument " +
                      quote(input.parameter.name) + " is not known: give --dim " +
                      input.parameter.name + "." + std::to_string(dim) + "=SIZE");
        size = sizes[name];
      }
    if (!reference::fits(input.shape))
      throw Error("argument " + quote(input.parameter.name) + " of shape " +
                  formatShape(input.shape) + " is too large: expected at most " +
                  std::to_string(reference::kMaxElements) + " elements");
  }
  return inputs;
}
