//===- StepGraph.h - A training step's function as a graph ------*- C++ -*-===//
//
// From IR to remat::Graph, and from a schedule of it back to IR. The function has
// one block: of dispatches, as nyala-form-dispatches leaves it (one node = one
// dispatch, what will run), or of ops that no dispatch has been formed of (one
// node = one op; an ONNX graph after nyala-differentiate).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_REMAT_STEPGRAPH_H
#define NYALA_PASSES_REMAT_STEPGRAPH_H

#include "ir/memory/ValuePlaces.h"
#include "passes/remat/Graph.h"

namespace nyala::remat {

/// Seconds that an execution of an op takes, a dispatch or any other.
using CostFunction = llvm::function_ref<double(mlir::Operation *)>;

/// On ops that compute again what another has computed: 1, 2, … in the order of the function. No
/// two ops of a function have it equal, which keeps them apart from each other and from the
/// original where equal ops merge (CSE).
inline constexpr llvm::StringLiteral kRecomputationAttr = "nyala.recomputation";

/// On the module, once its step has been rescheduled: the numbers of the report
/// (passes/remat/Report.h), without graph and schedule.
inline constexpr llvm::StringLiteral kFactsAttr = "nyala.rematerialization";

/// A step's graph, and what its nodes and tensors are in IR. Bytes of tensors are rounded up to the
/// alignment of the arena.
struct StepGraph {
  Graph graph;
  /// The op of each node. Ops that no node stands for take neither time nor memory: views, weights
  /// that are loaded, constants, what is repeated (linalg.broadcast), values that a `linalg` op is
  /// initialized with.
  llvm::SmallVector<mlir::Operation *> ops;
};

/// Does the function compute a loss and go on after it: is it the step that schedules are for?
bool isTrainingStep(mlir::func::FuncOp function);

/// The graph of a function that computes a loss (a result with `nyala.result = "loss"`). What the
/// runtime keeps throughout is fixed: arguments, states, results, and the largest scratch of the
/// kernels for each of `workers`, once these have been generated. Emits an error where a value's
/// memory is not known.
mlir::FailureOr<StepGraph> buildStepGraph(mlir::func::FuncOp function, CostFunction getCost,
                                          int64_t workers = 1);

/// Makes the function execute `schedule`, which `replay` accepts: each node that occurs again
/// becomes a clone of its op before the op that comes next, and what reads its results from then on
/// reads the clone's. Clones of dispatches call the same kernels. The graph describes the function
/// no longer.
///
///   %a = nyala.dispatch @f rows(%n) (%x) …                      // node 0
///   %b = nyala.dispatch @g rows(%n) (%a) …                      // node 1
///   %c = nyala.dispatch @h rows(%n) (%a, %b) …                  // node 2
///
/// becomes, for the schedule 0, 1, 0, 2,
///
///   %a = nyala.dispatch @f rows(%n) (%x) …
///   %b = nyala.dispatch @g rows(%n) (%a) …
///   %a1 = nyala.dispatch @f rows(%n) (%x) … {nyala.recomputation = 1 : i64} …
///   %c = nyala.dispatch @h rows(%n) (%a1, %b) …
void applySchedule(const StepGraph &step, llvm::ArrayRef<int> schedule);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_STEPGRAPH_H
