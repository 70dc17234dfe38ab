#include "frontends/gguf/ModelBuilder.h"
#include "ir/NyalaDialect.h"
#include "ir/NyalaOps.h"
#include "ir/storage/Error.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;

namespace nyala::gguf {

static std::string formatShape(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }),
                    ", ") +
         "]";
}

ModelBuilder::ModelBuilder(ModuleOp module, const GgufFile &file, StringRef architecture,
                           StringRef absolutePath)
    : module(module), file(file), architecture(architecture), absolutePath(absolutePath),
      hyperparameters(file, this->architecture),
      builder(ImplicitLocOpBuilder::atBlockEnd(module.getLoc(), module.getBody())) {}

void ModelBuilder::fail(const std::string &message) const {
  throw Error(file.getPath() + ": " + message);
}

void ModelBuilder::addFact(StringRef name, StringRef value) {
  facts.push_back(builder.getNamedAttr(name, builder.getStringAttr(value)));
}

void ModelBuilder::addFact(StringRef name, int64_t value) {
  facts.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
}

//===----------------------------------------------------------------------===//
// Tensors of the file
//===----------------------------------------------------------------------===//

bool ModelBuilder::hasTensor(const Twine &name) const { return file.findTensor(name.str()); }

const TensorInfo &ModelBuilder::getTensor(StringRef name) const {
  if (const TensorInfo *tensor = file.findTensor(name))
    return *tensor;
  fail("tensor " + quote(name) + " is missing, which architecture '" + architecture + "' needs");
}

const TensorInfo &ModelBuilder::useTensor(StringRef name, ArrayRef<int64_t> shape) {
  const TensorInfo *tensor = file.findTensor(name);
  if (!tensor)
    fail("tensor " + quote(name) + " is missing, expected one of shape " + formatShape(shape));
  if (ArrayRef(tensor->shape) != shape)
    fail("tensor " + quote(name) + " has shape " + formatShape(tensor->shape) + ", expected " +
         formatShape(shape) + " from the hyperparameters");
  tensorsUsed.insert(name);
  return *tensor;
}

mlir::Value ModelBuilder::loadWeight(const Twine &nameTwine, ArrayRef<int64_t> shape) {
  std::string name = nameTwine.str();
  const TensorInfo &tensor = useTensor(name, shape);
  mlir::Value &load = loads[name];
  if (load)
    return load;

  at(name);
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  auto source = SourceAttr::get(builder.getContext(), absolutePath, tensor.offset, tensor.bytes,
                                tensor.format);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    WeightOp::create(builder, name, type, source);
  }
  return load = LoadOp::create(builder, type, name);
}

SmallVector<float> ModelBuilder::readValues(StringRef name, int64_t count) {
  const TensorInfo &tensor = useTensor(name, {count});
  SmallVector<float> values(count);
  dequantize(tensor.format, file.bytes().data() + tensor.offset, values.data(), count);
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

mlir::Value ModelBuilder::buildLinear(mlir::Value input, const Twine &name, int64_t outputs) {
  int64_t inputs = getChannels(input);
  mlir::Value weight = loadWeight(name + ".weight", {outputs, inputs});
  mlir::Value bias =
      hasTensor(name + ".bias") ? loadWeight(name + ".bias", {outputs}) : mlir::Value();
  return LinearOp::create(at(name), getRowsType(outputs), input, weight, bias);
}

mlir::Value ModelBuilder::buildRmsNorm(mlir::Value input, const Twine &name, double epsilon) {
  mlir::Value weight = loadWeight(name + ".weight", {getChannels(input)});
  return RmsNormOp::create(at(name), input, weight, llvm::APFloat(static_cast<float>(epsilon)));
}

mlir::Value ModelBuilder::buildCacheAppend(State &state, mlir::Value rows) {
  state.value =
      CacheAppendOp::create(at(state.name), state.value, rows, getSlots(), getSequences());
  return state.value;
}

//===----------------------------------------------------------------------===//
// What was not read
//===----------------------------------------------------------------------===//

/// Parts of every decoder by their standard names in GGUF (ggml's docs/gguf.md): a tensor named so
/// takes part in the model's function. Others (of an image encoder, say) belong to something else.
static bool isPartOfDecoder(StringRef name) {
  constexpr StringRef prefixes[] = {"blk.", "token_", "position_", "output", "rope_"};
  // Inverse frequencies that early converters stored; every reader computes them instead.
  if (name.ends_with(".attn_rot_embd.weight") || name.ends_with(".attn_rot_embd"))
    return false;
  return llvm::any_of(prefixes, [&](StringRef prefix) { return name.starts_with(prefix); });
}

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

void ModelBuilder::finish() {
  module->setAttr(NyalaDialect::kModelAttr, builder.getDictionaryAttr(facts));

  std::vector<std::string> required, others;
  for (const TensorInfo &tensor : file.getTensors())
    if (!tensorsUsed.contains(tensor.name))
      (isPartOfDecoder(tensor.name) ? required : others).push_back(tensor.name);
  if (!required.empty())
    fail(formatUnused("tensor", required) + (required.size() > 1 ? " are" : " is") +
         " part of the model, but architecture '" + architecture + "' as nyala builds it does not" +
         " use " + (required.size() > 1 ? "them" : "it") +
         "; the file needs an architecture or a feature that is not supported");
  auto warn = [&](StringRef what, ArrayRef<std::string> names) {
    if (!names.empty())
      emitWarning(module.getLoc(), file.getPath() + ": " + formatUnused(what, names) +
                                       (names.size() > 1 ? " are" : " is") + " not used");
  };
  warn("tensor", others);
  warn("key", hyperparameters.getUnread());
}

} // namespace nyala::gguf
