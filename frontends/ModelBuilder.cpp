#include "frontends/ModelBuilder.h"
#include "ir/NyalaDialect.h"
#include "ir/NyalaOps.h"
#include "ir/storage/Error.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace nyala {

static std::string formatShape(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }),
                    ", ") +
         "]";
}

ModelBuilder::ModelBuilder(ModuleOp module, const WeightFiles &files, StringRef architecture)
    : module(module), files(files), architecture(architecture),
      builder(ImplicitLocOpBuilder::atBlockEnd(module.getLoc(), module.getBody())) {}

void ModelBuilder::fail(const std::string &message) const {
  throw Error(files.getPath() + ": " + message);
}

void ModelBuilder::warn(const std::string &message) {
  emitWarning(module.getLoc(), files.getPath() + ": " + message);
}

void ModelBuilder::addFact(StringRef name, StringRef value) {
  facts.push_back(builder.getNamedAttr(name, builder.getStringAttr(value)));
}

void ModelBuilder::addFact(StringRef name, int64_t value) {
  facts.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
}

//===----------------------------------------------------------------------===//
// Tensors of the files
//===----------------------------------------------------------------------===//

StoredTensor ModelBuilder::getTensor(StringRef name) const {
  if (std::optional<StoredTensor> tensor = files.find(name))
    return *tensor;
  fail("tensor " + quote(name) + " is missing, which architecture '" + architecture + "' needs");
}

StoredTensor ModelBuilder::useTensor(StringRef name, ArrayRef<int64_t> shape) {
  std::optional<StoredTensor> tensor = files.find(name);
  if (!tensor)
    fail("tensor " + quote(name) + " is missing, expected one of shape " + formatShape(shape));
  if (ArrayRef(tensor->shape) != shape)
    fail("tensor " + quote(name) + " has shape " + formatShape(tensor->shape) + ", expected " +
         formatShape(shape) + " from the hyperparameters");
  tensorsUsed.insert(name);
  return *std::move(tensor);
}

mlir::Value ModelBuilder::loadWeight(const Twine &nameTwine, ArrayRef<int64_t> shape) {
  std::string name = nameTwine.str();
  std::optional<StoredTensor> tensor;
  if (files.hasData())
    tensor = useTensor(name, shape);
  mlir::Value &load = loads[name];
  if (load)
    return load;

  at(name);
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  SourceAttr source;
  if (tensor)
    source = SourceAttr::get(builder.getContext(), tensor->file, tensor->offset,
                             tensor->bytes.size(), tensor->format);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    WeightOp::create(builder, name, type, source);
  }
  return load = LoadOp::create(builder, type, name);
}

SmallVector<float> ModelBuilder::readValues(StringRef name, int64_t count) {
  StoredTensor tensor = useTensor(name, {count});
  SmallVector<float> values(count);
  dequantize(tensor.format, tensor.bytes.data(), values.data(), count);
  return values;
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

ImplicitLocOpBuilder &ModelBuilder::at(const Twine &name) {
  builder.setLoc(NameLoc::get(builder.getStringAttr(name)));
  return builder;
}

RankedTensorType ModelBuilder::getRowsType(int64_t channels) {
  return RankedTensorType::get({ShapedType::kDynamic, channels}, builder.getF32Type());
}

void ModelBuilder::beginForward(std::vector<State> initialStates) {
  states = std::move(initialStates);
  auto ids = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  SmallVector<Location> locations;
  auto addArgument = [&](Type type, StringRef key, StringRef value) {
    types.push_back(type);
    attributes.push_back(
        builder.getDictionaryAttr(builder.getNamedAttr(key, builder.getStringAttr(value))));
    locations.push_back(NameLoc::get(builder.getStringAttr(value)));
  };
  for (StringRef role : {"tokens", "positions", "sequences", "slots", "wanted"})
    addArgument(ids, NyalaDialect::kRoleAttr, role);
  for (const State &state : states)
    addArgument(RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic, state.width},
                                      builder.getF32Type()),
                NyalaDialect::kStateAttr, state.name);

  // endForward completes the type, when the width of the logits is known.
  function = func::FuncOp::create(at("forward"), "forward", builder.getFunctionType(types, {}),
                                  /*attrs=*/{}, attributes);
  Block *block = function.addEntryBlock();
  for (auto [argument, location] : llvm::zip_equal(block->getArguments(), locations))
    argument.setLoc(location);
  for (auto [state, argument] :
       llvm::zip_equal(states, block->getArguments().take_back(states.size())))
    state.value = argument;
  builder.setInsertionPointToEnd(block);
}

void ModelBuilder::endForward(mlir::Value logits) {
  SmallVector<mlir::Value> results = {logits};
  for (const State &state : states)
    results.push_back(state.value);
  func::ReturnOp::create(at("return"), results);

  function.setFunctionType(
      builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  function.setResultAttr(0, NyalaDialect::kResultAttr, builder.getStringAttr("logits"));
  for (auto [index, state] : llvm::enumerate(states))
    function.setResultAttr(index + 1, NyalaDialect::kStateAttr, builder.getStringAttr(state.name));
}

mlir::Value ModelBuilder::buildLinear(mlir::Value input, const Twine &name, int64_t outputs,
                                      Bias bias) {
  int64_t inputs = getChannels(input);
  mlir::Value weight = loadWeight(name + ".weight", {outputs, inputs});
  bool biased = bias == Bias::Always || (bias == Bias::IfStored && hasTensor(name + ".bias"));
  mlir::Value added = biased ? loadWeight(name + ".bias", {outputs}) : mlir::Value();
  return LinearOp::create(at(name), getRowsType(outputs), input, weight, added);
}

mlir::Value ModelBuilder::buildRmsNorm(mlir::Value input, const Twine &name, double epsilon,
                                       int64_t groups) {
  mlir::Value weight = loadWeight(name + ".weight", {getChannels(input) / groups});
  return RmsNormOp::create(at(name), input, weight, llvm::APFloat(static_cast<float>(epsilon)),
                           groups);
}

mlir::Value ModelBuilder::buildCacheAppend(State &state, mlir::Value rows) {
  state.value =
      CacheAppendOp::create(at(state.name), state.value, rows, getSlots(), getSequences());
  return state.value;
}

//===----------------------------------------------------------------------===//
// What was not read
//===----------------------------------------------------------------------===//

/// "tensors 'a', 'b' and 3 more".
static std::string formatUnused(StringRef what, ArrayRef<std::string> names) {
  constexpr size_t most = 8;
  std::string text = (what + (names.size() > 1 ? "s " : " ")).str();
  text += llvm::join(
      llvm::map_range(names.take_front(most), [](const std::string &name) { return quote(name); }),
      ", ");
  if (names.size() > most)
    text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

void ModelBuilder::finish(StringRef keysPath, ArrayRef<std::string> unreadKeys) {
  module->setAttr(NyalaDialect::kModelAttr, builder.getDictionaryAttr(facts));

  std::vector<std::string> required, others;
  for (std::string &name : files.getNames())
    if (!tensorsUsed.contains(name))
      (files.isPartOfModel(name) ? required : others).push_back(std::move(name));
  if (!required.empty())
    fail(formatUnused("tensor", required) + (required.size() > 1 ? " are" : " is") +
         " part of the model, but architecture '" + architecture + "' as nyala builds it does not" +
         " use " + (required.size() > 1 ? "them" : "it") + "; the " + std::string(files.getKind()) +
         " needs an architecture or a feature that is not supported");
  auto warn = [&](StringRef path, StringRef what, ArrayRef<std::string> names) {
    if (!names.empty())
      emitWarning(module.getLoc(), path + ": " + formatUnused(what, names) +
                                       (names.size() > 1 ? " are" : " is") + " not used");
  };
  warn(files.getPath(), "tensor", others);
  warn(keysPath, "key", unreadKeys);
}

} // namespace nyala
