//===- Rematerialize.cpp - Compute again what would take memory -----------===//
#include "ir/Variants.h"
#include "ir/WriteOutput.h"
#include "passes/Passes.h"
#include "passes/remat/Costs.h"
#include "passes/remat/FitArena.h"
#include "passes/remat/Report.h"
#include "passes/remat/StepGraph.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

namespace nyala {
#define GEN_PASS_DEF_REMATERIALIZE
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;
using namespace nyala::remat;

/// The scalars of a report as attributes. JSON does not tell 0 from 0.0.
static DictionaryAttr getFacts(MLIRContext *context, const llvm::json::Object &report) {
  Builder builder(context);
  NamedAttrList facts;
  for (const auto &[key, value] : report) {
    StringRef name = key;
    bool real = llvm::is_contained(
        {"overhead", "bound", "gap", "seconds", "cost", "plain_cost", "predicted_seconds"}, name);
    if (std::optional<bool> flag = value.getAsBoolean())
      facts.set(name, builder.getBoolAttr(*flag));
    else if (std::optional<double> number = real ? value.getAsNumber() : std::nullopt)
      facts.set(name, builder.getF64FloatAttr(*number));
    else if (std::optional<int64_t> integer = value.getAsInteger())
      facts.set(name, builder.getI64IntegerAttr(*integer));
    else if (std::optional<StringRef> text = value.getAsString())
      facts.set(name, builder.getStringAttr(*text));
  }
  return facts.getDictionary(context);
}

namespace {

struct Rematerialize : nyala::impl::RematerializeBase<Rematerialize> {
  using RematerializeBase::RematerializeBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  InFlightDiagnostic expected(const Twine &what) {
    return getOperation().emitError("nyala-rematerialize: expected ") << what;
  }

  FailureOr<Method> getMethod() {
    std::optional<Method> known = llvm::StringSwitch<std::optional<Method>>(method)
                                      .Case("none", Method::None)
                                      .Case("sqrt", Method::Sqrt)
                                      .Case("greedy", Method::Greedy)
                                      .Case("optimal", Method::Optimal)
                                      .Default(std::nullopt);
    if (known)
      return *known;
    return expected("method to be optimal, sqrt, greedy or none, got '" + method + "'");
  }

  LogicalResult checkBudget() {
    if ((budget == -1) == (fraction == -1))
      return expected("either a budget in bytes or a fraction");
    if (budget < -1)
      return expected("a budget of bytes that is not negative, got ") << budget.getValue();
    if (budget == -1 && !(fraction > 0 && fraction <= 1))
      return expected("a fraction above 0 and up to 1 of what recomputation can change, got ")
             << fraction.getValue();
    if (!(timeLimit > 0))
      return expected("a time limit above 0 seconds, got ") << timeLimit.getValue();
    if (workers < 1)
      return expected("at least one worker, got ") << workers.getValue();
    return success();
  }

  FailureOr<func::FuncOp> findStep() {
    func::FuncOp found;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!isTrainingStep(function))
        continue;
      if (found)
        return expected("one training step, got @")
               << found.getName() << " and @" << function.getName();
      found = function;
    }
    if (!found)
      return expected("a training step: a function with a result '")
             << NyalaDialect::kResultAttr << " = \"loss\"', and ops after it";
    return found;
  }

  LogicalResult run() {
    FailureOr<Method> chosen = getMethod();
    if (failed(chosen) || failed(checkBudget()))
      return failure();
    FailureOr<func::FuncOp> function = findStep();
    if (failed(function))
      return failure();
    FailureOr<Costs> known = readCosts();
    if (failed(known))
      return failure();
    auto getSeconds = [&](Operation *op) { return known->getSeconds(op); };
    FailureOr<StepGraph> step = buildStepGraph(*function, getSeconds, workers);
    if (failed(step))
      return failure();

    SolveOptions options;
    options.method = *chosen;
    options.timeLimit = timeLimit;
    int64_t plainPeak = getPlainArenaPeak(step->graph);
    options.budget = fraction == -1 ? budget : getBudget(step->graph, fraction, plainPeak);
    llvm::Expected<PlacedPlan> placed = fitArena(step->graph, options);
    if (!placed)
      return emitError(*step, *function, placed.takeError());
    llvm::json::Object report =
        toJson(step->graph, placed->plan, options.budget, ArenaPeaks{placed->peak, plainPeak});
    if (known->isMeasured())
      report["predicted_seconds"] = placed->plan.replayed.cost + known->getRestSeconds();
    getOperation()->setAttr(kFactsAttr, getFacts(&getContext(), report));
    remarkPlan(*function, step->graph, *placed, options);
    remarkCosts(*function, *known);
    applySchedule(*step, placed->plan.schedule);
    if (failed(checkResult(*function, *placed, getSeconds)))
      return failure();
    return writeReport(std::move(report));
  }

  LogicalResult emitError(const StepGraph &step, func::FuncOp function, llvm::Error error) {
    Operation *op = function;
    error = llvm::handleErrors(std::move(error),
                               [&](std::unique_ptr<InfeasibleError> infeasible) -> llvm::Error {
                                 if (!step.ops.empty())
                                   op = step.ops[infeasible->floorNode];
                                 return llvm::Error(std::move(infeasible));
                               });
    return op->emitOpError("sets the floor of what memory the step needs: ")
           << llvm::toString(std::move(error));
  }

  /// The rewritten function must be what the plan says: of updates in place the builder of the
  /// graph proves that they are right.
  LogicalResult checkResult(func::FuncOp function, const PlacedPlan &placed,
                            CostFunction getSeconds) {
    FailureOr<StepGraph> step = buildStepGraph(function, getSeconds, workers);
    if (failed(step))
      return failure();
    int64_t peak = step->graph.fixedBytes + planArena(step->graph, makePlainSchedule(step->graph));
    if (step->graph.nodes.size() != placed.plan.schedule.size() || peak > placed.peak)
      return function.emitOpError("executes ")
             << step->graph.nodes.size() << " nodes in " << peak << " bytes, its schedule has "
             << placed.plan.schedule.size() << " in " << placed.peak;
    return success();
  }

  FailureOr<Costs> readCosts() {
    if (costs == "analytic")
      return Costs();
    llvm::Expected<Costs> measured = Costs::read(costs);
    if (measured)
      return std::move(*measured);
    return getOperation().emitError("nyala-rematerialize: ")
           << llvm::toString(measured.takeError());
  }

  /// What speaks against measured costs.
  void remarkCosts(func::FuncOp function, const Costs &known) {
    auto remarkOf = [&](StringRef name) {
      return remark::missed(function.getLoc(), remark::RemarkOpts::name(name)
                                                   .category("nyala-rematerialize")
                                                   .function(function.getName()));
    };
    if (!known.getMissing().empty())
      remarkOf("CostsNotMeasured") << remark::reason(
          "'{0}' lacks {1} kernels or ops, '{2}' among them, which cost what their "
          "FLOPs and bytes say",
          costs.getValue(), known.getMissing().size(), *known.getMissing().begin());
    auto targets = getOperation()->getAttrOfType<ArrayAttr>(NyalaDialect::kTargetsAttr);
    auto isMeasured = [&](Attribute target) { return getArch(target) == known.getArch(); };
    if (!known.getArch().empty() && targets && llvm::none_of(targets, isMeasured))
      remarkOf("CostsOfOtherCode")
          << remark::reason("'{0}' has times of code for '{1}', the step is compiled for others",
                            costs.getValue(), known.getArch());
  }

  void remarkPlan(func::FuncOp function, const Graph &graph, const PlacedPlan &placed,
                  const SolveOptions &options) {
    const Plan &plan = placed.plan;
    auto remarkOf = [&](StringRef name) {
      return remark::RemarkOpts::name(name)
          .category("nyala-rematerialize")
          .function(function.getName());
    };
    remark::passed(function.getLoc(), remarkOf("StepRematerialized")) << remark::add(
        "{0} of {1} nodes run again: {2} of {3} bytes; overhead {4:f2}%, at least "
        "{5:f2}% in {6}; found by {7} in {8:f1} s",
        plan.schedule.size() - graph.nodes.size(), graph.nodes.size(), placed.peak, options.budget,
        100 * plan.overhead, 100 * plan.overheadBound, plan.boundClass, plan.method, plan.seconds);
    if (options.method == Method::Optimal && !plan.certified)
      remark::missed(function.getLoc(), remarkOf("ScheduleNotCertified")) << remark::reason(
          "in {0} s the solver came no closer to the bound than {1:f2} points "
          "with a schedule by {2}",
          options.timeLimit, 100 * (plan.overhead - plan.overheadBound), plan.method);
  }

  LogicalResult writeReport(llvm::json::Object json) {
    if (report.empty())
      return success();
    llvm::Error error = writeOutput(report, [&](llvm::raw_ostream &os) {
      os << llvm::json::Value(std::move(json)) << '\n';
      return llvm::Error::success();
    });
    if (error)
      return getOperation().emitError("nyala-rematerialize: cannot write the report: ")
             << llvm::toString(std::move(error));
    return success();
  }
};

} // namespace
