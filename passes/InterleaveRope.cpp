//===- InterleaveRope.cpp - Adjacent pairs of channels in rotations -------===//
#include "ir/WeightOps.h"
#include "passes/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

namespace nyala {
#define GEN_PASS_DEF_INTERLEAVEROPE
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// How queries or keys come from a projection: what has to follow if their channels are permuted.
struct Projection {
  RotateOp rotate;
  LinearOp linear;
  SmallVector<RmsNormOp, 1> norms; // of each head

  int64_t getHeads() { return static_cast<int64_t>(rotate.getHeads()); }
  int64_t getDims() { return getChannels(rotate.getTable()); }
};

/// All that attends to one value of a cache of keys. Scores sum over the channels of a head: they
/// stay the same if the channels of its queries and keys are permuted alike.
struct KeyUsers {
  Projection keys;
  SmallVector<Projection> queries;
  std::string reason; ///< why channels must stay where they are; empty: they need not
};

/// Follows `value` back to its projection, where each value on the way has no other use. On failure
/// `reason` says what is in the way.
std::optional<Projection> findProjection(Value value, std::string &reason) {
  Projection projection;
  for (;;) {
    Operation *op = value.getDefiningOp();
    if (!op || !value.hasOneUse()) {
      reason = "queries or keys have other uses, or are not projected here";
      return std::nullopt;
    }
    if (auto norm = dyn_cast<RmsNormOp>(op)) {
      projection.norms.push_back(norm);
      value = norm.getInput();
    } else if (auto rotate = dyn_cast<RotateOp>(op); rotate && !projection.rotate) {
      projection.rotate = rotate;
      value = rotate.getInput();
    } else if (auto linear = dyn_cast<LinearOp>(op)) {
      projection.linear = linear;
      break;
    } else {
      reason = op->getName().getStringRef().str() + " lies between projection and rotation";
      return std::nullopt;
    }
  }
  auto isLoaded = [](Value weight) { return !weight || weight.getDefiningOp<LoadOp>(); };
  bool loaded = isLoaded(projection.linear.getWeight()) && isLoaded(projection.linear.getBias());
  for (RmsNormOp norm : projection.norms)
    loaded &= isLoaded(norm.getWeight());
  if (!projection.rotate || projection.rotate.getPairing() != RopePairing::Half)
    reason = "queries or keys are not rotated in halves";
  else if (!loaded)
    reason = "a weight of the projection is computed, not loaded";
  else if (llvm::any_of(projection.norms, [&](RmsNormOp norm) {
             return static_cast<int64_t>(norm.getGroups()) != projection.getHeads();
           }))
    reason = "a norm is not of each head";
  return reason.empty() ? std::optional(projection) : std::nullopt;
}

KeyUsers findUsers(CacheAppendOp append) {
  KeyUsers users;
  auto fail = [&](StringRef reason) {
    users.reason = reason.str();
    return users;
  };
  // What the cache held before was appended by this op, in earlier calls.
  if (!isa<BlockArgument>(append.getCache()) || !append.getCache().hasOneUse())
    return fail("the cache has other uses, or is appended to more than once");
  std::optional<Projection> keys = findProjection(append.getInput(), users.reason);
  if (!keys)
    return users;
  users.keys = *keys;
  for (OpOperand &use : append.getResult().getUses()) {
    if (isa<func::ReturnOp>(use.getOwner()))
      continue;
    auto attention = dyn_cast<AttentionOp>(use.getOwner());
    if (!attention || use.get() != attention.getKeys() ||
        attention.getValues() == attention.getKeys())
      return fail("the cache is read by more than attention to keys");
    std::optional<Projection> queries = findProjection(attention.getQuery(), users.reason);
    if (!queries)
      return users;
    if (queries->getHeads() != static_cast<int64_t>(attention.getHeads()) ||
        keys->getHeads() != static_cast<int64_t>(attention.getKvHeads()) ||
        queries->getDims() != keys->getDims())
      return fail("queries and keys do not rotate the same channels of the heads of attention");
    users.queries.push_back(*queries);
  }
  return users;
}

class Interleaver {
public:
  explicit Interleaver(ModuleOp module) : symbols(module) {}

  // %w = nyala.load @q : tensor<576x576xf32>
  // %q = nyala.linear %x, %w
  // %r = nyala.rotate half %q by %t {heads = 9}
  //   ->
  // %w = nyala.load @q.interleaved
  // %q = nyala.linear %x, %w
  // %r = nyala.rotate adjacent %q by %t {heads = 9}
  void rewrite(Projection projection) {
    int64_t heads = projection.getHeads(), dims = projection.getDims();
    interleave(projection.linear.getWeightMutable(), heads, dims);
    for (OpOperand &bias : projection.linear.getBiasMutable())
      interleave(bias, heads, dims);
    for (RmsNormOp norm : projection.norms)
      interleave(norm.getWeightMutable(), /*groups=*/1, dims);
    projection.rotate.setPairing(RopePairing::Adjacent);
  }

  size_t getNumWeights() const { return made.size(); }

private:
  void interleave(OpOperand &operand, int64_t groups, int64_t dims) {
    auto load = operand.get().getDefiningOp<LoadOp>();
    OpBuilder builder(load);
    auto weight = getInterleaved(load, groups, dims);
    operand.set(LoadOp::create(builder, load.getLoc(), load.getType(),
                               FlatSymbolRefAttr::get(weight.getSymNameAttr())));
    if (load->use_empty())
      load->erase();
  }

  // nyala.weight @q.interleaved : tensor<576x576xf32> initializer {
  //   %0 = nyala.load @q : tensor<576x576xf32>
  //   %1 = nyala.interleave_rows %0 {groups = 9, dims = 64} : tensor<576x576xf32>
  //   nyala.yield %1 : tensor<576x576xf32>
  // }
  WeightOp getInterleaved(LoadOp load, int64_t groups, int64_t dims) {
    WeightOp &weight = made[{load.getWeightAttr(), {groups, dims}}];
    if (weight)
      return weight;
    auto source = symbols.lookup<WeightOp>(load.getWeight());
    RankedTensorType type = source.getTensorType();
    ImplicitLocOpBuilder b(source.getLoc(), source.getContext());
    weight = WeightOp::create(b, (source.getSymName() + ".interleaved").str(), type, SourceAttr());
    b.createBlock(&weight.getInitializer());
    Value plain = LoadOp::create(b, type, load.getWeightAttr());
    YieldOp::create(b, InterleaveRowsOp::create(b, type, plain, groups, dims));
    symbols.insert(weight, std::next(source->getIterator()));
    return weight;
  }

  SymbolTable symbols;
  llvm::MapVector<std::pair<Attribute, std::pair<int64_t, int64_t>>, WeightOp> made;
};

struct InterleaveRope : nyala::impl::InterleaveRopeBase<InterleaveRope> {
  void runOnOperation() override {
    Interleaver interleaver(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      auto remarkOf = [&](StringRef name) {
        return remark::RemarkOpts::name(name)
            .category("nyala-interleave-rope")
            .function(func.getName());
      };
      unsigned rotations = 0;
      func.walk([&](CacheAppendOp append) {
        if (!isRotatedInHalves(append))
          return;
        KeyUsers users = findUsers(append);
        if (!users.reason.empty()) {
          remark::missed(append.getLoc(), remarkOf("RopeNotInterleaved"))
              << remark::reason("{0}", users.reason);
          return;
        }
        interleaver.rewrite(users.keys);
        for (Projection &queries : users.queries)
          interleaver.rewrite(queries);
        rotations += 1 + users.queries.size();
      });
      if (rotations > 0)
        remark::passed(func.getLoc(), remarkOf("RopeInterleaved")) << remark::add(
            "{0} rotations of adjacent channels, by interleaving rows of {1} weights", rotations,
            interleaver.getNumWeights());
    }
  }

private:
  /// Is the input a rotation in halves, or a norm of one?
  static bool isRotatedInHalves(CacheAppendOp append) {
    Operation *op = append.getInput().getDefiningOp();
    while (auto norm = dyn_cast_or_null<RmsNormOp>(op))
      op = norm.getInput().getDefiningOp();
    auto rotate = dyn_cast_or_null<RotateOp>(op);
    return rotate && rotate.getPairing() == RopePairing::Half;
  }
};

} // namespace
