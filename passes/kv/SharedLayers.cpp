//===- SharedLayers.cpp - Layers that use one another's keys --------------===//
#include "passes/kv/SharedLayers.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::kv;

FailureOr<SmallVector<Layers>> nyala::kv::collectLayers(ModuleOp module) {
  SmallVector<Layers> functions;
  func::FuncOp first;
  for (auto func : module.getOps<func::FuncOp>()) {
    Layers layers;
    func.walk([&](AttentionOp op) { layers.push_back(op); });
    if (layers.empty())
      continue;
    if (llvm::any_of(layers,
                     [&](AttentionOp op) { return op->getBlock() != layers.front()->getBlock(); }))
      return func.emitError("expected the attention of all layers in one block");
    if (!first)
      first = func;
    else if (layers.size() != functions.front().size())
      return func.emitError("has ")
             << layers.size() << " layers of attention, @" << first.getSymName() << " has "
             << functions.front().size()
             << "; expected the same number in all functions, which share caches";
    functions.push_back(std::move(layers));
  }
  if (functions.empty())
    return emitError(module.getLoc(), "has no attention whose keys and values could be shared");
  return functions;
}

Operation *nyala::kv::findOnWay(Value keysOrValues, function_ref<bool(Operation *)> matches) {
  for (Value value = keysOrValues; Operation *op = value.getDefiningOp();) {
    if (matches(op))
      return op;
    if (isa<StoredWeightOpInterface>(op))
      return nullptr;
    if (auto append = dyn_cast<CacheAppendOp>(op))
      value = append.getInput();
    else if (auto shaped = dyn_cast<tensor::ExpandShapeOp>(op)) // rows of a training step
      value = shaped.getSrc();
    else if (auto domain = dyn_cast<RowDomainOpInterface>(op))
      value = domain.getRowOperand().get();
    else
      return nullptr;
  }
  return nullptr;
}

/// A property in which layers of one group must agree: its name, and what it is in a layer.
using Property = std::pair<StringRef, Attribute>;

/// How the keys that an attention reads were rotated: a rope, or a rotate by a table; else null.
static Operation *findRotation(AttentionOp op) {
  return findOnWay(op.getKeys(),
                   [](Operation *candidate) { return isa<RopeOp, RotateOp>(candidate); });
}

/// Heads, widths and mask of the attention, and how its keys were rotated.
static SmallVector<Property> describeKeys(AttentionOp op) {
  Builder b(op.getContext());
  auto number = [&](int64_t value) { return b.getI64IntegerAttr(value); };
  int64_t kvHeads = op.getKvHeads();
  SmallVector<Property> properties{
      {"kv_heads", number(kvHeads)},
      {"channels of a key's head", number(getChannels(op.getKeys()) / kvHeads)},
      {"channels of a value's head", number(getChannels(op.getValues()) / kvHeads)},
      {"window (0: none)", number(op.getMask().getWindow())}};
  Operation *rotation = findRotation(op);
  properties.push_back({"rotation of keys", b.getBoolAttr(rotation != nullptr)});
  if (!rotation)
    return properties;
  // The angles are those of the rope itself, or of the table that a rotation uses.
  auto rotate = dyn_cast<RotateOp>(rotation);
  Operation *angles = rotate ? rotate.getTable().getDefiningOp<RopeTableOp>() : rotation;
  RopePairing pairing = rotate ? rotate.getPairing() : cast<RopeOp>(rotation).getPairing();
  properties.push_back({"rope pairing", b.getStringAttr(stringifyRopePairing(pairing))});
  for (StringRef name : {"base", "dims", "scale", "factors"})
    properties.push_back({name, angles ? angles->getAttr(name) : Attribute()});
  return properties;
}

/// What the angles of the keys depend on: positions, or a table of unknown angles.
static Value getAngles(AttentionOp op) {
  Operation *rotation = findRotation(op);
  if (auto rope = dyn_cast_or_null<RopeOp>(rotation))
    return rope.getPositions();
  auto rotate = dyn_cast_or_null<RotateOp>(rotation);
  if (!rotate)
    return Value();
  auto table = rotate.getTable().getDefiningOp<RopeTableOp>();
  return table ? table.getPositions() : rotate.getTable();
}

static std::string print(Attribute value) {
  if (!value)
    return "not stated";
  if (auto name = dyn_cast<StringAttr>(value))
    return name.getValue().str();
  std::string text;
  llvm::raw_string_ostream os(text);
  value.print(os, /*elideType=*/true);
  return text;
}

std::string nyala::kv::findDifference(const Layers &layers, int64_t consumer, int64_t producer) {
  AttentionOp own = layers[consumer], other = layers[producer];
  SmallVector<Property> wanted = describeKeys(own), given = describeKeys(other);
  for (auto [left, right] : llvm::zip(wanted, given))
    if (left != right)
      return llvm::formatv("its {0} is {1}, that of layer {2} is {3}", left.first,
                           print(left.second), producer, print(right.second));
  if (own.getKeys().getType() != other.getKeys().getType() ||
      own.getValues().getType() != other.getValues().getType())
    return llvm::formatv("its keys are {0}, those of layer {1} are {2}", own.getKeys().getType(),
                         producer, other.getKeys().getType());
  if (getAngles(own) != getAngles(other))
    return llvm::formatv("its keys are rotated by other positions than those of layer {0}",
                         producer);
  return {};
}

KvMap nyala::kv::getMap(const Layers &layers) {
  KvMap map;
  for (int64_t i = 0, e = layers.size(); i < e; ++i) {
    AttentionOp own = layers[i];
    auto *first = llvm::find_if(layers, [&](AttentionOp other) {
      return other.getKeys() == own.getKeys() && other.getValues() == own.getValues();
    });
    map.push_back(first - layers.begin());
  }
  return map;
}
