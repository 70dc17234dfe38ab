#include "frontends/onnx/GraphBuilder.h"
#include "ir/NyalaDialect.h"
#include "ir/WeightOps.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace nyala::onnx {

std::string formatShape(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }),
                    ", ") +
         "]";
}

GraphBuilder::GraphBuilder(ModuleOp module, OnnxFile &file, Batch batch)
    : module(module), file(file), batch(batch),
      builder(ImplicitLocOpBuilder::atBlockEnd(module.getLoc(), module.getBody())) {}

void GraphBuilder::fail(const Twine &message) const {
  throw Error(file.getPath() + ": " + (node.empty() ? "" : node + ": ") + message.str());
}

void GraphBuilder::warn(const Twine &message) {
  emitWarning(module.getLoc(), file.getPath() + ": " + (node.empty() ? "" : node + ": ") + message);
}

void GraphBuilder::setNode(std::string description, StringRef name) {
  node = std::move(description);
  builder.setLoc(name.empty() ? module.getLoc()
                              : Location(NameLoc::get(builder.getStringAttr(name))));
}

//===----------------------------------------------------------------------===//
// Tensors by name
//===----------------------------------------------------------------------===//

void GraphBuilder::define(StringRef name, Definition definition) {
  if (!definitions.try_emplace(name, std::move(definition)).second)
    fail("defines " + quote(name) + ", which is defined already");
}

Definition &GraphBuilder::get(StringRef name) {
  auto found = definitions.find(name);
  if (found == definitions.end())
    fail("reads " + quote(name) +
         ", which is neither an input nor an initializer nor the output of an earlier node");
  read.insert(name);
  return found->second;
}

Value GraphBuilder::getValue(StringRef name) {
  Definition &definition = get(name);
  if (definition.value)
    return definition.value;
  if (definition.generated)
    return definition.value = loadGenerated(name, *definition.generated);
  if (definition.isWeight())
    return definition.value = loadStored(name, *definition.stored);
  std::optional<Literal> literal = findLiteral(name);
  if (!literal)
    fail(quote(name) + " is of type " + getTypeName(definition.stored->proto.data_type()) +
         " with " + Twine(definition.stored->elements) +
         " elements, expected a weight of type float, float16 " + "or bfloat16, or at most " +
         Twine(kMaxLiteral) + " numbers");
  return definition.value = makeConstant(*literal);
}

std::optional<Literal> GraphBuilder::findLiteral(StringRef name) {
  Definition &definition = get(name);
  if (definition.literal)
    return definition.literal;
  if (definition.stored)
    return readLiteral(*definition.stored);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The tensor's name, unless it is taken: functions are symbols, too.
std::string GraphBuilder::chooseSymbol(StringRef name) {
  std::string symbol = name.empty() ? "weight" : name.str();
  while (symbol == "forward" || !symbols.insert(symbol).second)
    symbol += "_";
  return symbol;
}

Value GraphBuilder::loadStored(StringRef name, const OnnxTensor &tensor) {
  std::optional<StoredFormat> format = tensor.getFormat();
  if (!format)
    fail("weight " + quote(name) + " of type " + getTypeName(tensor.proto.data_type()) +
         " has its values in a list of 32-bit numbers; save the model with raw data");
  RankedTensorType type = getFloats(tensor.shape);
  auto source = SourceAttr::get(builder.getContext(), tensor.file, tensor.offset,
                                tensor.bytes->size(), *format);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(function);
  return loadWeight(WeightOp::create(builder, chooseSymbol(name), type, source));
}

// nyala.weight @w : tensor<…> initializer { … nyala.yield … }
Value GraphBuilder::loadGenerated(StringRef name, const Generator &generator) {
  RankedTensorType type = getFloats(generator.shape);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(function);
  auto weight = WeightOp::create(builder, chooseSymbol(name), type, SourceAttr());
  builder.createBlock(&weight.getInitializer());
  Value value;
  if (generator.deviation == 0)
    value = makeSplat(type, generator.mean);
  else
    value = RandomOp::create(builder, type, Value(),
                             builder.getF32FloatAttr(static_cast<float>(generator.deviation)),
                             builder.getF32FloatAttr(static_cast<float>(generator.mean)),
                             builder.getI32IntegerAttr(static_cast<int32_t>(generator.seed)));
  YieldOp::create(builder, value);
  return loadWeight(weight);
}

/// Loads stand at the beginning of the function, in the order of their weights.
Value GraphBuilder::loadWeight(WeightOp weight) {
  Block &body = function.getBody().front();
  auto last = llvm::find_if_not(body, llvm::IsaPred<LoadOp>);
  builder.setInsertionPoint(&body, last);
  return LoadOp::create(builder, weight.getTensorType(),
                        FlatSymbolRefAttr::get(weight.getSymNameAttr()));
}

void GraphBuilder::finish() {
  for (const OnnxTensor &tensor : file.getInitializers())
    if (!read.contains(tensor.proto.name()))
      warn("initializer " + quote(tensor.proto.name()) + " is not read");
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

void GraphBuilder::beginForward(ArrayRef<Type> types, ArrayRef<std::string> roles) {
  function = func::FuncOp::create(builder, "forward", builder.getFunctionType(types, {}));
  function.addEntryBlock();
  for (auto [index, role] : llvm::enumerate(roles))
    function.setArgAttr(index, NyalaDialect::kRoleAttr, builder.getStringAttr(role));
  builder.setInsertionPointToEnd(&function.getBody().front());
}

void GraphBuilder::endForward(ArrayRef<Value> results, ArrayRef<std::string> names) {
  func::ReturnOp::create(builder, results);
  function.setType(
      builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  for (auto [index, name] : llvm::enumerate(names))
    function.setResultAttr(index, NyalaDialect::kResultAttr, builder.getStringAttr(name));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

RankedTensorType GraphBuilder::getTensor(ArrayRef<int64_t> shape, Type element) {
  if (llvm::is_contained(shape, 0) || !countElements(shape))
    fail("has a tensor of shape " + formatShape(shape) +
         ", expected positive sizes and at most 2^40 elements");
  return RankedTensorType::get(shape, element);
}

RankedTensorType GraphBuilder::getFloats(ArrayRef<int64_t> shape) {
  return getTensor(shape, builder.getF32Type());
}

Value GraphBuilder::makeSplat(RankedTensorType type, double number) {
  Attribute value =
      isa<FloatType>(type.getElementType())
          ? Attribute(builder.getF32FloatAttr(static_cast<float>(number)))
          : builder.getIntegerAttr(type.getElementType(), static_cast<int64_t>(number));
  return create<arith::ConstantOp>(SplatElementsAttr::get(type, value));
}

Value GraphBuilder::makeSplatLike(Value value, double number) {
  return makeSplat(cast<RankedTensorType>(value.getType()), number);
}

Value GraphBuilder::makeConstant(const Literal &literal) {
  switch (literal.kind) {
  case ElementKind::Float: {
    std::vector<float> values(literal.floats.begin(), literal.floats.end());
    return create<arith::ConstantOp>(
        DenseElementsAttr::get(getFloats(literal.shape), ArrayRef(values)));
  }
  case ElementKind::Integer: {
    std::vector<int32_t> values;
    for (int64_t value : literal.integers) {
      if (!llvm::isInt<32>(value))
        fail("computes with the integer " + Twine(value) + ", expected one of 32 bits");
      values.push_back(static_cast<int32_t>(value));
    }
    return create<arith::ConstantOp>(
        DenseElementsAttr::get(getTensor(literal.shape, builder.getI32Type()), ArrayRef(values)));
  }
  case ElementKind::Bool: {
    SmallVector<bool> values;
    for (int64_t value : literal.integers)
      values.push_back(value != 0);
    return create<arith::ConstantOp>(
        DenseElementsAttr::get(getTensor(literal.shape, builder.getI1Type()), values));
  }
  }
  llvm_unreachable("unknown kind");
}

} // namespace nyala::onnx
