#include "tools/nyala-interpret/Inputs.h"

#include "ir/reference/Elementwise.h"
#include "ir/reference/Random.h"
#include "ir/storage/Error.h"
#include "tools/nyala-interpret/Shapes.h"

#include "mlir/IR/BuiltinOps.h"

#include <algorithm>

using namespace mlir;
using namespace nyala;
using namespace nyala::interpret;
using reference::RandomStream;
using reference::Tensor;

/// Token ids that all functions know: the model's vocabulary if stated, the smallest table's rows.
static int64_t getVocabulary(ArrayRef<FunctionOpInterface> functions) {
  int64_t vocabulary = reference::kMaxElements;
  for (FunctionOpInterface function : functions) {
    auto module = function->getParentOfType<ModuleOp>();
    if (auto facts = module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr))
      if (auto stated = facts.getAs<IntegerAttr>("vocabulary"))
        vocabulary = std::min(vocabulary, stated.getInt());
    module->walk([&](EmbeddingOp op) {
      int64_t rows = cast<RankedTensorType>(op.getTable().getType()).getDimSize(0);
      if (!ShapedType::isDynamic(rows))
        vocabulary = std::min(vocabulary, rows);
    });
  }
  if (vocabulary <= 0)
    throw Error("the model's vocabulary is empty");
  return vocabulary;
}

/// Values of an argument without given ones.
static Tensor makeValues(const Input &input, const Sizes &sizes, int64_t vocabulary,
                         uint64_t seed) {
  Tensor result(input.shape);
  const std::string &name = input.parameter.name;
  RandomStream random(seed, "argument " + name);
  if (isa<FloatType>(input.parameter.getElementType())) {
    for (double &value : result.mutableValues())
      value = static_cast<float>(random.normal());
    return result;
  }
  // Rows of a sequence stand side by side.
  int64_t rows = sizes.at("rows"), sequences = std::max<int64_t>(sizes.at("sequences"), 1);
  int64_t perSequence = std::max<int64_t>((rows + sequences - 1) / sequences, 1);
  for (auto [i, value] : llvm::enumerate(result.mutableValues())) {
    auto row = static_cast<int64_t>(i);
    int64_t sequence = row / perSequence;
    if (name == "tokens")
      value = static_cast<double>(random.below(vocabulary));
    else if (name == "positions" || name == "slots")
      value = static_cast<double>(sizes.at("start") + row % perSequence);
    else if (name == "sequences")
      value = static_cast<double>(sequence);
    else if (name == "wanted")
      value = static_cast<double>(random.below(std::max<int64_t>(rows, 1)));
  }
  return result;
}

/// A given value as the argument's type holds it.
static Tensor convertGiven(const Input &input, const GivenValue &given) {
  Tensor result(input.shape);
  Type type = input.parameter.getElementType();
  for (auto [value, number] : llvm::zip_equal(result.mutableValues(), given.numbers)) {
    value = number;
    if (!isa<FloatType>(type) && reference::roundTo(type, number) != number) {
      std::string text;
      llvm::raw_string_ostream(text) << type;
      throw Error("input " + quote(input.parameter.name) + ": " + std::to_string(number) +
                  " is no " + text);
    }
  }
  return result;
}

std::map<std::string, Tensor> interpret::makeInputs(ArrayRef<FunctionOpInterface> functions,
                                                    const Options &options) {
  std::map<std::string, GivenValue> given = parseInputs(options.inputs);
  Sizes sizes;
  std::vector<Input> inputs = resolveShapes(functions, given, parseDims(options.dims), sizes);
  int64_t vocabulary = getVocabulary(functions);
  std::map<std::string, Tensor> result;
  for (const Input &input : inputs) {
    if (!input.parameter.getElementType().isIntOrIndexOrFloat())
      throw Error("argument " + quote(input.parameter.name) + " is of a type " +
                  "that the interpreter does not know");
    auto value = given.find(input.parameter.name);
    result[input.parameter.name] =
        value == given.end() ? makeValues(input, sizes, vocabulary, options.interpreter.seed)
                             : convertGiven(input, value->second);
  }
  return result;
}
