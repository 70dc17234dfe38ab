//===- RetentionModel.h - Variables of retention intervals ------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_RETENTIONMODEL_H
#define NYALA_PASSES_REMAT_RETENTIONMODEL_H

#include "passes/remat/Lifetimes.h"
#include "passes/remat/Milp.h"

#include <map>
#include <optional>

namespace nyala::remat {

/// For droppable tensors o of node i: keep(o), 1 if it stays from the forward part on, and for
/// stages s: recomputed(i, s), 1 if i has been recomputed by stage s (s included).
///
///   minimize sum cost(i) * recomputed(i, end)
///   recomputed(i, s) >= recomputed(i, s - 1)
///   recomputed(i, stage of o's first backward reader) >= 1 - keep(o)
///   keep(o) + recomputed(i, s) >= recomputed(j, s)     for consumers j of o
///   memory(s) <= budget
class RetentionModel {
public:
  RetentionModel(const Lifetimes &lifetimes, int64_t budget, int window);

  const Milp &getProgram() const { return milp; }
  /// States that all solutions recompute for at least `cost`.
  void boundCost(double cost) {
    if (cost > 0)
      milp.addRow(minus(milp.getCost(), makeConstant(cost)));
  }
  KeepSet decode(const std::vector<double> &values) const;

  /// Adds rows for the steps of `schedule`, made of a solution, that are above the budget, as far
  /// as `values` do not satisfy them. Returns how many.
  int addViolated(const Schedule &schedule, const Replay &replayed,
                  const std::vector<double> &values);

  /// Forbids a solution that did not fit though its values satisfy all rows: they recompute
  /// something before it is wanted, which schedules do not.
  void exclude(const KeepSet &keep);

private:
  /// What is known of a droppable tensor's node.
  struct NodeColumns {
    int wanted = -1;          ///< its wanted output if it has only one
    int first = 0;            ///< first stage by which it may have been recomputed
    int end = -1;             ///< last stage at which something may want it recomputed
    int settled = -1;         ///< stage from which on recomputed = 1 - keep(wanted); -1: none
    int alias = -1;           ///< a consumer that it is recomputed with, whenever that is
    std::vector<int> columns; ///< stages first to min(settled - 1, end)
  };

  const TensorUses &uses(int tensor) const { return lifetimes.tensors[tensor]; }
  int stageOf(int node) const { return lifetimes.stageOf[node]; }
  bool hasColumns(int node) const { return nodes[node].end >= 0; }

  void findRanges(int window);
  bool isOutdone(int tensor) const;
  void addColumns();
  void addRecomputation();
  void addMemory();

  Affine keep(int tensor) const;
  Affine recomputed(int node, int stage) const;
  Affine recomputedAtEnd(int node) const { return recomputed(node, lifetimes.stages.size()); }
  /// Recomputed in this very stage.
  Affine recomputedIn(int node, int stage) const;
  /// Is `tensor` there, at the latest recomputed by `stage`?
  Affine present(int tensor, int stage);
  Affine presentOrLate(int tensor, int node);
  /// Is it there after its last backward reader, for a consumer that `stage` has not recomputed
  /// yet?
  Affine late(int tensor, int stage);
  /// A column that is no less than any of `choices`, and not negative.
  Affine largest(const std::vector<Affine> &choices);

  /// A lower bound of whether a tensor is there at a step.
  struct Reason {
    Affine value;
    bool mayBeNegative = false;
  };
  using Reasons = std::vector<Reason>;
  /// There for `consumer`, which is recomputed after what `stage` has recomputed.
  Affine laterThan(int consumer, int stage) const;
  /// The same of a tensor that no backward node reads: if it was kept or recomputed by `known`.
  Affine heldFor(int tensor, int consumer, int stage, int known) const;
  Reasons reasonsForward(int tensor, int node) const;
  Reasons reasonsBackward(int tensor, int node);
  Reasons reasonsRecomputing(int tensor, int node, int stage) const;
  /// Memory at `step` by the reasons that are strongest at `values`, if that is above the budget.
  std::optional<Affine> findExcess(const std::vector<double> &values, int step,
                                   const Schedule &schedule, const std::vector<int> &nextBackward);

  const Lifetimes &lifetimes;
  int64_t budget;
  Milp milp;
  std::vector<NodeColumns> nodes;
  std::vector<int> keepColumns; ///< by tensor, -1 if fixed to 0 (droppable) or 1
  std::map<std::pair<int, int>, Affine> presentCache, lateCache;
};

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_RETENTIONMODEL_H
