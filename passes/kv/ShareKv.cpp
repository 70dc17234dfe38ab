//===- ShareKv.cpp - Layers that attend to other layers' keys -------------===//
//
// Everything is checked before anything is changed: options, groups, and for a
// search its outcome.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/kv/KvSearch.h"
#include "passes/kv/MeanProjections.h"

#include "mlir/IR/Remarks.h"

#include <limits>

namespace nyala {
#define GEN_PASS_DEF_SHAREKV
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;
using namespace nyala::kv;

namespace {

/// Who shares, and whose projections the producers have.
struct Plan {
  KvMap map;
  bool mean;
};

struct ShareKv : nyala::impl::ShareKvBase<ShareKv> {
  using ShareKvBase::ShareKvBase;

  void runOnOperation() override {
    FailureOr<SmallVector<Layers>> functions = collectLayers(getOperation());
    if (failed(functions) || failed(checkOptions(functions->front().size())))
      return signalPassFailure();
    FailureOr<Plan> plan = makePlan(*functions);
    if (failed(plan) || failed(share(getOperation(), *functions, *plan, /*remarks=*/true)))
      return signalPassFailure();
    report(functions->front(), *plan);
  }

private:
  static constexpr int64_t kNotGiven = -1; ///< factor, search

  bool isSearch() const { return search != kNotGiven; }

  InFlightDiagnostic error() { return emitError(getOperation().getLoc(), "nyala-share-kv: "); }

  remark::RemarkOpts remarkOf(StringRef name, AttentionOp op) {
    return remark::RemarkOpts::name(name)
        .category("nyala-share-kv")
        .function(op->getParentOfType<func::FuncOp>().getName());
  }

  LogicalResult checkOptions(int64_t layers) {
    int given = (factor != kNotGiven ? 1 : 0) + (map.empty() ? 0 : 1) + (isSearch() ? 1 : 0);
    if (given != 1)
      return error() << "expected exactly one of the options factor, map and search, got " << given;
    if (factor != kNotGiven && (factor < 1 || factor > layers))
      return error() << "a factor of " << factor.getValue() << " was given for " << layers
                     << " layers; expected 1 to " << layers;
    if (isSearch() && (search < 1 || search > layers))
      return error() << search.getValue() << " caches were asked for of " << layers
                     << " layers; expected 1 to " << layers;
    if (isSearch() && calibration.empty())
      return error() << "a search needs a calibration text; give one by option 'calibration'";
    if (source != "" && source != "first" && source != "mean")
      return error() << "option 'source' is '" << source.getValue() << "', expected first or mean";
    return success();
  }

  FailureOr<Plan> makePlan(ArrayRef<Layers> functions) {
    if (isSearch())
      return findPlan(functions);
    int64_t layers = functions.front().size();
    Plan plan{map.empty() ? makeFactorMap(layers, factor) : KvMap(*map), source == "mean"};
    if (failed(verifyMap(plan.map, layers, [&] { return error(); })))
      return failure();
    for (const Layers &function : functions)
      for (int64_t consumer = 0; consumer < layers; ++consumer) {
        std::string difference = findDifference(function, consumer, plan.map[consumer]);
        AttentionOp op = function[consumer];
        if (!difference.empty())
          return op.emitError("layer ")
                 << consumer << " cannot use the keys and values of layer " << plan.map[consumer]
                 << ": " << difference << "; choose groups of layers that agree";
      }
    return plan;
  }

  //===--------------------------------------------------------------------===//
  // Search
  //===--------------------------------------------------------------------===//

  std::unique_ptr<KvLoss> createLoss(ModuleOp model) {
    auto *dialect = getContext().getLoadedDialect<NyalaDialect>();
    auto *interface = dialect->getRegisteredInterface<KvLossInterface>();
    if (interface)
      return interface->create(model, calibration);
    error() << "a search runs the model, which this tool cannot; use nyala-compile or nyala-opt";
    return nullptr;
  }

  /// The better of the projections that `source` allows, with the map that the search found.
  FailureOr<Plan> findPlan(ArrayRef<Layers> functions) {
    auto isShareable = [&](int64_t consumer, int64_t producer) {
      return llvm::all_of(functions, [&](const Layers &layers) {
        return findDifference(layers, consumer, producer).empty();
      });
    };
    int64_t layers = functions.front().size();
    std::unique_ptr<KvLoss> loss = createLoss(getOperation());
    if (!loss)
      return failure();
    // Maps are compared with the producers' own projections: others would be new weights each time.
    FailureOr<RatedMap> found =
        searchMap(*loss, layers, search, isShareable, [&] { return error(); });
    if (failed(found))
      return failure();
    if (source == "first")
      return Plan{found->map, false};
    Plan best{found->map, source == "mean"};
    double least = source == "mean" ? std::numeric_limits<double>::infinity() : found->loss;
    for (const KvMap &map : {found->map, makeBalancedMap(layers, search)}) {
      FailureOr<double> rated = rateMean(map);
      if (failed(rated))
        return failure();
      if (*rated < least) {
        best = Plan{map, true};
        least = *rated;
      }
    }
    return best;
  }

  /// The loss of `map` with mean projections.
  FailureOr<double> rateMean(ArrayRef<int64_t> map) {
    OwningOpRef<ModuleOp> copy = getOperation().clone();
    FailureOr<SmallVector<Layers>> functions = collectLayers(*copy);
    if (failed(functions) ||
        failed(share(*copy, *functions, Plan{KvMap(map), true}, /*remarks=*/false)))
      return failure();
    std::unique_ptr<KvLoss> loss = createLoss(*copy);
    return loss ? loss->compute({}) : FailureOr<double>(failure());
  }

  //===--------------------------------------------------------------------===//
  // The rewrite
  //===--------------------------------------------------------------------===//

  static LogicalResult share(ModuleOp module, ArrayRef<Layers> functions, const Plan &plan,
                             bool remarks) {
    SymbolTable symbols(module);
    if (plan.mean && failed(averageProjections(functions, plan.map, symbols, remarks)))
      return failure();
    // %a1 = nyala.attention %q1, %k1, %v1 …  ->  %a1 = nyala.attention %q1, %k0, %v0 …
    for (const Layers &layers : functions)
      for (auto [layer, producer] : llvm::zip_equal(layers, plan.map)) {
        AttentionOp consumer = layer, other = layers[producer];
        consumer.getKeysMutable().set(other.getKeys());
        consumer.getValuesMutable().set(other.getValues());
      }
    setFacts(module, getMap(functions.front()), plan);
    return success();
  }

  /// What the artifact's metadata will say. A map that changes nothing says nothing.
  static void setFacts(ModuleOp module, ArrayRef<int64_t> map, const Plan &plan) {
    if (countProducers(plan.map) == static_cast<int64_t>(plan.map.size()))
      return;
    Builder b(module.getContext());
    NamedAttrList facts(module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr));
    facts.set("kv_sharing", b.getStringAttr(formatMap(map)));
    facts.set("kv_sharing_source", b.getStringAttr(plan.mean ? "mean" : "first"));
    facts.set("kv_sharing_lossy",
              b.getStringAttr("converted without training: the model's function has changed"));
    module->setAttr(NyalaDialect::kModelAttr, facts.getDictionary(b.getContext()));
  }

  void report(const Layers &layers, const Plan &plan) {
    AttentionOp first = layers.front();
    int64_t count = layers.size(), channels = 0, kept = 0;
    for (int64_t producer = 0; producer < count; ++producer) {
      AttentionOp op = layers[producer];
      auto width = [](Value cache) { return getChannels(cache); };
      channels += width(op.getKeys()) + width(op.getValues());
      SmallVector<std::string> consumers;
      for (int64_t layer = producer + 1; layer < count; ++layer)
        if (plan.map[layer] == producer)
          consumers.push_back(std::to_string(layer));
      if (plan.map[producer] == producer)
        kept += width(op.getKeys()) + width(op.getValues());
      if (!consumers.empty())
        remark::passed(op.getLoc(), remarkOf("KvShared", op))
            << remark::add("layers {0} use the keys and values of layer {1}",
                           llvm::join(consumers, ", "), producer);
    }
    remark::passed(first.getLoc(), remarkOf("KvCachesSaved", first))
        << remark::add("{0} of {1} layers keep keys and values: {2} numbers a position instead of "
                       "{3} (map {4}, source {5})",
                       countProducers(plan.map), count, kept, channels, formatMap(plan.map),
                       plan.mean ? "mean" : "first");
  }
};

} // namespace
