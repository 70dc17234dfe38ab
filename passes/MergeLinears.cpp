//===- MergeLinears.cpp - One product for several weights -----------------===//
//
// Three steps: linears of one block and one input are collected and divided
// into groups that can be one product; then whoever shares its weight with
// something that does not merge in the same way leaves its group, until
// nothing changes; then each group of two or more becomes one linear.
//
//===----------------------------------------------------------------------===//
#include "ir/NyalaOps.h"
#include "passes/Passes.h"
#include "passes/WeightExpressions.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

namespace nyala {
#define GEN_PASS_DEF_MERGELINEARS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// A linear that may merge, with the loads that its weight and bias concatenate.
struct Candidate {
  LinearOp linear;
  SmallVector<LoadOp> weights, biases;
};
using Group = SmallVector<Candidate>;

/// What linears of one group have in common.
struct GroupKey {
  StoredFormat format;
  Type weightElements;
  Type biasElements; ///< null: no bias

  bool operator==(const GroupKey &) const = default;
};

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Names of all weights of a group in their order: two groups with the same names become the same
/// concatenation, which hoisting stores once.
SmallVector<Attribute> getWeightNames(const Group &group) {
  SmallVector<Attribute> names;
  for (const Candidate &candidate : group)
    for (LoadOp load : candidate.weights)
      names.push_back(load.getWeightAttr());
  return names;
}

struct MergeLinears : nyala::impl::MergeLinearsBase<MergeLinears> {
  using MergeLinearsBase::MergeLinearsBase;

  void runOnOperation() override {
    if (rowMultiple < 1) {
      getOperation().emitError(
          "option 'row-multiple' of nyala-merge-linears must be positive, got ")
          << rowMultiple.getValue();
      return signalPassFailure();
    }
    SymbolTable symbols(getOperation());
    SmallVector<Group> groups;
    for (auto func : getOperation().getOps<func::FuncOp>())
      func.walk([&](Block *block) { collectGroups(*block, symbols, groups); });
    removeShared(groups);
    for (Group &group : groups)
      if (group.size() > 1)
        merge(group);
    for (auto func : getOperation().getOps<func::FuncOp>())
      eraseDeadOps(func);
  }

private:
  static remark::RemarkOpts remarkOf(StringRef name, LinearOp linear) {
    return remark::RemarkOpts::name(name)
        .category("nyala-merge-linears")
        .function(linear->getParentOfType<func::FuncOp>().getName());
  }

  static void missed(LinearOp linear, const std::string &why) {
    remark::missed(linear.getLoc(), remarkOf("LinearNotMerged", linear))
        << remark::reason("{0}", why);
  }

  /// The group that `candidate` may join; else a missed remark with the reason.
  std::optional<GroupKey> classify(Candidate &candidate, const SymbolTable &symbols) {
    LinearOp linear = candidate.linear;
    auto reject = [&](const std::string &why) {
      missed(linear, why);
      return std::nullopt;
    };
    if (!collectConcatenatedLoads(linear.getWeight(), candidate.weights))
      return reject("its weight is computed, not loaded");
    if (linear.getBias() && !collectConcatenatedLoads(linear.getBias(), candidate.biases))
      return reject("its bias is computed, not loaded");
    RankedTensorType weight = typeOf(linear.getWeight());
    if (weight.getEncoding())
      return reject("its weight is already packed");
    if (weight.getDimSize(0) % rowMultiple != 0)
      return reject(llvm::formatv("its width {0} is no multiple of {1}, the row group of packed "
                                  "weights",
                                  weight.getDimSize(0), rowMultiple.getValue()));
    std::optional<StoredFormat> common;
    for (LoadOp load : candidate.weights) {
      auto format = getStoredFormat(symbols.lookup<WeightOp>(load.getWeight()), symbols);
      if (!format || (common && common != format))
        return reject("its weight mixes stored formats or has none");
      common = format;
    }
    Type biasElements = linear.getBias() ? typeOf(linear.getBias()).getElementType() : Type();
    return GroupKey{*common, weight.getElementType(), biasElements};
  }

  /// What keeps linears of one input, of the groups `first` and `other`, apart.
  static std::string describeDifference(const GroupKey &first, const GroupKey &other) {
    if (first.format != other.format)
      return llvm::formatv("its weight is stored in {0}, that of a linear before it with the same "
                           "input in {1}",
                           getInfo(other.format).name, getInfo(first.format).name);
    if (!first.biasElements != !other.biasElements)
      return other.biasElements ? "it has a bias, a linear before it with the same input has none"
                                : "it has no bias, a linear before it with the same input has one";
    return "its weight or bias has other elements than those of a linear before it with the same "
           "input";
  }

  /// Appends the groups of `block`: linears with the same input and key, in their order.
  void collectGroups(Block &block, const SymbolTable &symbols, SmallVectorImpl<Group> &groups) {
    llvm::MapVector<Value, SmallVector<LinearOp>> byInput;
    for (auto linear : block.getOps<LinearOp>())
      byInput[linear.getInput()].push_back(linear);
    for (auto &[input, linears] : byInput) {
      if (linears.size() < 2)
        continue;
      SmallVector<std::pair<GroupKey, Group>> byKey;
      for (LinearOp linear : linears) {
        Candidate candidate{linear, {}, {}};
        std::optional<GroupKey> key = classify(candidate, symbols);
        if (!key)
          continue;
        auto *found = llvm::find_if(byKey, [&](auto &entry) { return entry.first == *key; });
        if (found == byKey.end()) {
          if (!byKey.empty())
            missed(linear, describeDifference(byKey.front().first, *key));
          byKey.push_back({*key, {}});
          found = &byKey.back();
        }
        found->second.push_back(std::move(candidate));
      }
      for (auto &entry : byKey)
        groups.push_back(std::move(entry.second));
    }
  }

  /// Calls `visit` for each use of a weight's value, looking through concatenations.
  static void forEachUse(Value value, llvm::function_ref<void(OpOperand &)> visit) {
    for (OpOperand &use : value.getUses())
      if (auto concat = dyn_cast<tensor::ConcatOp>(use.getOwner()))
        forEachUse(concat.getResult(), visit);
      else
        visit(use);
  }

  /// Takes those out of their groups whose weight is also used elsewhere: by another op (a table
  /// that is also the output layer), by an initializer, or by a linear of a group with other
  /// weights. Layers and entries that share all weights of a group merge alike and stay.
  void removeShared(SmallVectorImpl<Group> &groups) {
    llvm::DenseMap<Attribute, SmallVector<OpOperand *>> uses; // by the weight's name
    getOperation().walk([&](LoadOp load) {
      forEachUse(load.getResult(),
                 [&](OpOperand &use) { uses[load.getWeightAttr()].push_back(&use); });
    });
    for (bool changed = true; changed;) {
      changed = false;
      llvm::DenseMap<Operation *, SmallVector<Attribute>> namesOfGroup;
      for (Group &group : groups)
        for (Candidate &candidate : group)
          namesOfGroup[candidate.linear] = getWeightNames(group);
      for (Group &group : groups) {
        SmallVector<Attribute> names = getWeightNames(group);
        auto isShared = [&](Candidate &candidate) {
          for (LoadOp load : candidate.weights) {
            if (llvm::count(names, load.getWeightAttr()) > 1) {
              missed(candidate.linear, llvm::formatv("its weight @{0} would be part of the merged "
                                                     "weight twice",
                                                     load.getWeight()));
              return true;
            }
            for (OpOperand *use : uses[load.getWeightAttr()]) {
              auto user = dyn_cast<LinearOp>(use->getOwner());
              if (user && use == &user.getWeightMutable() && namesOfGroup.lookup(user) == names)
                continue;
              missed(candidate.linear,
                     llvm::formatv("its weight @{0} is also used by a {1} that does not merge with "
                                   "the same linears: merging would store it twice",
                                   load.getWeight(), use->getOwner()->getName().getStringRef()));
              return true;
            }
          }
          return false;
        };
        auto *end = llvm::remove_if(group, isShared);
        changed |= end != group.end();
        group.erase(end, group.end());
      }
    }
  }

  /// The concatenation of `loads` before `first`, where they move if they come later (they have no
  /// operands).
  static Value concatenate(OpBuilder &builder, Location loc, LinearOp first,
                           ArrayRef<LoadOp> loads) {
    SmallVector<Value> values;
    for (LoadOp load : loads) {
      if (load->getBlock() == first->getBlock() && first->isBeforeInBlock(load))
        load->moveBefore(first);
      values.push_back(load.getResult());
    }
    return tensor::ConcatOp::create(builder, loc, /*dim=*/0, values);
  }

  static void merge(Group &group) {
    // %0 = nyala.linear %x, %a : … -> tensor<?xMxf32>
    // %1 = nyala.linear %x, %b : … -> tensor<?xNxf32>
    //   ->
    // %w = tensor.concat dim(0) %a, %b
    // %y = nyala.linear %x, %w : … -> tensor<?x(M+N)xf32>
    // %0, %1 = nyala.split %y
    LinearOp first = group.front().linear;
    SmallVector<LoadOp> weights, biases;
    SmallVector<Type> types;
    SmallVector<Location> locations;
    std::string widths;
    for (Candidate &candidate : group) {
      llvm::append_range(weights, candidate.weights);
      llvm::append_range(biases, candidate.biases);
      types.push_back(candidate.linear.getType());
      locations.push_back(candidate.linear.getLoc());
      int64_t width = typeOf(candidate.linear.getWeight()).getDimSize(0);
      widths += (widths.empty() ? "" : " + ") + std::to_string(width);
    }
    OpBuilder builder(first);
    Location loc = builder.getFusedLoc(locations);
    Value weight = concatenate(builder, loc, first, weights);
    Value bias = biases.empty() ? Value() : concatenate(builder, loc, first, biases);
    RankedTensorType resultType = typeOf(first.getResult());
    auto mergedType = RankedTensorType::get(
        {resultType.getDimSize(0), typeOf(weight).getDimSize(0)}, resultType.getElementType());
    auto merged = LinearOp::create(builder, loc, mergedType, first.getInput(), weight, bias);
    auto split = SplitOp::create(builder, loc, types, merged.getResult());
    remark::passed(loc, remarkOf("LinearsMerged", merged))
        << remark::add("merged {0} linears of widths {1}", group.size(), widths);
    for (auto [candidate, part] : llvm::zip_equal(group, split.getResults())) {
      candidate.linear.replaceAllUsesWith(part);
      candidate.linear.erase();
    }
  }
};

} // namespace
