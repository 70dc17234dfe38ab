//===- MeanProjections.cpp - Shared projections as means ------------------===//
#include "passes/kv/MeanProjections.h"
#include "passes/WeightExpressions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::kv;

namespace {

/// The projection of a layer's keys or values.
struct Projection {
  LinearOp linear;
  LoadOp weight, bias; ///< bias: null if it has none
};

FailureOr<Projection> findProjection(AttentionOp attention, int64_t layer, Value keysOrValues,
                                     StringRef what) {
  Operation *product =
      findOnWay(keysOrValues, [](Operation *op) { return isa<StoredWeightOpInterface>(op); });
  auto linear = dyn_cast_or_null<LinearOp>(product);
  Projection result{linear, {}, {}};
  bool loaded = false;
  if (linear) {
    result.weight = linear.getWeight().getDefiningOp<LoadOp>();
    loaded = result.weight != nullptr;
    if (linear.getBias()) {
      result.bias = linear.getBias().getDefiningOp<LoadOp>();
      loaded &= result.bias != nullptr;
    }
  }
  if (loaded)
    return result;
  return attention.emitError("the ")
         << what << " of layer " << layer
         << " are not projected by a linear layer of a loaded weight, so that they have no mean "
            "with those of other layers; expected nyala.linear of nyala.load, or use source=first";
}

/// Means of the weights of one module.
class Averager {
public:
  Averager(SymbolTable &symbols, bool remarks) : symbols(symbols), remarks(remarks) {}

  /// The weight that is the mean of `members` (two or more of one type), made once.
  WeightOp getMean(ArrayRef<LoadOp> members) {
    SmallVector<Attribute> names;
    for (LoadOp member : members)
      names.push_back(member.getWeightAttr());
    WeightOp &mean = means[ArrayAttr::get(symbols.getOp()->getContext(), names)];
    if (!mean)
      mean = createMean(members);
    return mean;
  }

private:
  // nyala.weight @"k.mean" : tensor<192x576xf32> initializer {
  //   %0 = nyala.load @k : tensor<192x576xf32>
  //   %1 = nyala.load @l : tensor<192x576xf32>
  //   %2 = arith.addf %0, %1 : tensor<192x576xf32>
  //   %3 = arith.mulf %2, dense<0.5> : tensor<192x576xf32>
  //   %4 = nyala.requantize %3 as <q8_0> : tensor<192x576xf32>
  //   nyala.yield %4 : tensor<192x576xf32>
  // }
  WeightOp createMean(ArrayRef<LoadOp> members) {
    LoadOp firstLoad = members.front();
    auto first = symbols.lookup<WeightOp>(firstLoad.getWeight());
    RankedTensorType type = first.getTensorType();
    ImplicitLocOpBuilder b(first.getLoc(), first.getContext());
    auto mean = WeightOp::create(b, (first.getSymName() + ".mean").str(), type, SourceAttr());
    b.createBlock(&mean.getInitializer());
    Value sum;
    for (LoadOp member : members) {
      Value value = LoadOp::create(b, type, member.getWeightAttr());
      sum = sum ? arith::AddFOp::create(b, sum, value) : value;
    }
    auto share = b.getFloatAttr(type.getElementType(), 1.0 / static_cast<double>(members.size()));
    Value result = arith::MulFOp::create(
        b, sum, arith::ConstantOp::create(b, DenseElementsAttr::get(type, share.getValue())));
    // Vectors and rows of other lengths stay floats.
    constexpr StoredFormat format = StoredFormat::Q8_0;
    if (type.getRank() == 2 && type.getDimSize(1) % int64_t(getInfo(format).blockValues) == 0)
      result = RequantizeOp::create(b, result, StoredFormatAttr::get(b.getContext(), format));
    YieldOp::create(b, result);
    symbols.insert(mean, std::next(first->getIterator()));
    if (remarks)
      remarkGrowth(first, mean, members.size());
    return mean;
  }

  /// Bytes that the artifact grows by: the mean instead of the first member.
  void remarkGrowth(WeightOp first, WeightOp mean, size_t members) {
    auto bytes = [&](WeightOp weight) {
      auto format = getStoredFormat(weight, symbols).value_or(StoredFormat::F32);
      return static_cast<int64_t>(storedBytes(format, weight.getTensorType().getNumElements()));
    };
    remark::passed(mean.getLoc(),
                   remark::RemarkOpts::name("ProjectionsAveraged").category("nyala-share-kv"))
        << remark::add("@{0}, the mean of {1} weights, takes {2} bytes, {3} more than the first",
                       mean.getSymName(), members, bytes(mean), bytes(mean) - bytes(first));
  }

  SymbolTable &symbols;
  bool remarks;
  llvm::DenseMap<Attribute, WeightOp> means; ///< by the names of their members
};

LogicalResult verifyEqualShapes(MutableArrayRef<Projection> members, ArrayRef<int64_t> layers,
                                StringRef what) {
  auto getTypes = [](Projection &member) {
    return std::pair<Type, Type>(member.weight.getType(),
                                 member.bias ? member.bias.getType() : Type());
  };
  for (auto [member, layer] : llvm::zip_equal(members, layers))
    if (getTypes(member) != getTypes(members.front()))
      return member.linear.emitError("the projections of the ")
             << what << " of layers " << layers.front() << " and " << layer
             << " differ in shape or bias; expected equal ones to take the mean of, or use "
                "source=first";
  return success();
}

} // namespace

LogicalResult nyala::kv::averageProjections(ArrayRef<Layers> functions, ArrayRef<int64_t> map,
                                            SymbolTable &symbols, bool remarks) {
  SmallVector<SmallVector<Projection>> groups;
  for (const Layers &layers : functions)
    for (int64_t producer = 0, e = map.size(); producer < e; ++producer) {
      SmallVector<int64_t> members;
      for (int64_t layer = producer; layer < e; ++layer)
        if (map[layer] == producer)
          members.push_back(layer);
      if (members.size() < 2)
        continue;
      for (bool keys : {true, false}) {
        StringRef what = keys ? "keys" : "values";
        SmallVector<Projection> group;
        for (int64_t layer : members) {
          AttentionOp op = layers[layer];
          auto projection = findProjection(op, layer, keys ? op.getKeys() : op.getValues(), what);
          if (failed(projection))
            return failure();
          group.push_back(*projection);
        }
        if (failed(verifyEqualShapes(group, members, what)))
          return failure();
        groups.push_back(std::move(group));
      }
    }

  // %w = nyala.load @k : TYPE; %k = nyala.linear %x, %w : …
  //   ->
  // %w = nyala.load @"k.mean" : TYPE; %k = nyala.linear %x, %w : …
  Averager averager(symbols, remarks);
  for (const SmallVector<Projection> &group : groups) {
    LinearOp linear = group.front().linear;
    OpBuilder builder(linear);
    auto replace = [&](LoadOp Projection::*part, OpOperand &operand) {
      SmallVector<LoadOp> loads;
      for (const Projection &member : group)
        loads.push_back(member.*part);
      WeightOp mean = averager.getMean(loads);
      operand.set(
          LoadOp::create(builder, linear.getLoc(), operand.get().getType(), mean.getSymNameAttr()));
    };
    replace(&Projection::weight, linear.getWeightMutable());
    if (linear.getBias())
      replace(&Projection::bias, linear.getBiasMutable()[0]);
  }
  return success();
}
