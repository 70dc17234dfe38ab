//===- RetentionSteps.cpp - The memory of single steps --------------------===//
//
// Why a tensor is there at a step, as expressions of what is kept and recomputed.
// Each reason alone is a lower bound of whether it is there, so a row made of any
// choice of reasons holds for all schedules.
//
//===----------------------------------------------------------------------===//
#include "passes/remat/RetentionModel.h"

#include "llvm/ADT/STLExtras.h"

using namespace nyala::remat;

RetentionModel::Reasons RetentionModel::reasonsForward(int tensor, int node) const {
  const TensorUses &use = uses(tensor);
  if (use.writer > node)
    return {};
  if (node <= use.lastForward)
    return {{makeConstant(1)}};
  if (use.firstBackward >= 0 || lifetimes.isDroppable(tensor))
    return {{keep(tensor)}};
  Reasons reasons;
  for (int consumer : use.consumers)
    reasons.push_back({recomputedAtEnd(consumer)});
  return reasons;
}

RetentionModel::Reasons RetentionModel::reasonsBackward(int tensor, int node) {
  const TensorUses &use = uses(tensor);
  int stage = stageOf(node);
  Reasons reasons{{presentOrLate(tensor, node)}};
  if (use.firstBackward < 0 && lifetimes.isDroppable(tensor))
    for (int consumer : use.consumers)
      reasons.push_back({heldFor(tensor, consumer, stage, stage), true});
  return reasons;
}

/// While `node` is recomputed, before the backward node that begins `stage`.
RetentionModel::Reasons RetentionModel::reasonsRecomputing(int tensor, int node, int stage) const {
  const TensorUses &use = uses(tensor);
  int backward = lifetimes.stages[stage];
  bool droppable = lifetimes.isDroppable(tensor);
  bool readLater = use.firstBackward >= 0 && backward <= use.lastBackward;
  if (readLater && (use.firstBackward < backward || !droppable))
    return {{makeConstant(1)}};
  // Nodes up to this one have run in this stage.
  int known = use.writer <= node ? stage : stage - 1;
  Reasons reasons;
  if (droppable && use.writer == node)
    reasons.push_back({recomputedIn(node, stage)});
  if (!droppable || use.writer < node)
    for (int consumer : use.consumers)
      if (consumer >= node)
        reasons.push_back({recomputedIn(consumer, stage)});
  if (readLater) {
    Affine kept = keep(tensor), again = recomputed(use.writer, known);
    if (nodes[use.writer].wanted == tensor)
      kept.add(again);
    else
      reasons.push_back({again});
    reasons.push_back({kept});
    return reasons;
  }
  for (int consumer : use.consumers) {
    int last = consumer >= node ? stage - 1 : stage;
    if (use.firstBackward >= 0 || !droppable)
      reasons.push_back({laterThan(consumer, last)});
    else
      reasons.push_back({heldFor(tensor, consumer, last, known), true});
  }
  return reasons;
}

std::optional<Affine> RetentionModel::findExcess(const std::vector<double> &values, int step,
                                                 const Schedule &schedule,
                                                 const std::vector<int> &nextBackward) {
  const Graph &graph = lifetimes.graph;
  int node = schedule[step], forward = graph.firstBackward;
  bool first = step == node && node < forward, again = !first && node < forward;
  int stage = again ? stageOf(nextBackward[step]) : -1;
  Affine memory;
  if (again) {
    memory.constant = lifetimes.constantBefore[nextBackward[step]];
    memory.add(recomputedIn(node, stage), graph.nodes[node].workspace);
  } else {
    memory.constant = lifetimes.constantAt[node];
  }
  double bytes = memory.evaluate(values);
  for (int tensor = 0, count = lifetimes.tensors.size(); tensor < count; ++tensor) {
    const TensorUses &use = uses(tensor);
    if (use.kind == TensorUses::Kind::Constant || use.writer < 0)
      continue;
    Reason best;
    double most = 0;
    for (const Reason &reason : first   ? reasonsForward(tensor, node)
                                : again ? reasonsRecomputing(tensor, node, stage)
                                        : reasonsBackward(tensor, node))
      if (double value = reason.value.evaluate(values); value > most) {
        most = value;
        best = reason;
      }
    if (most <= 0)
      continue;
    bytes += most * lifetimes.getBytes(tensor);
    memory.add(best.mayBeNegative ? largest({best.value}) : best.value, lifetimes.getBytes(tensor));
  }
  // Bytes are integers, solutions are not quite.
  if (bytes < budget + 0.5)
    return std::nullopt;
  return memory;
}

int RetentionModel::addViolated(const Schedule &schedule, const Replay &replayed,
                                const std::vector<double> &solved) {
  std::vector<int> nextBackward(schedule.size());
  for (int step = static_cast<int>(schedule.size()) - 1, next = -1; step >= 0; --step) {
    next = schedule[step] >= lifetimes.graph.firstBackward ? schedule[step] : next;
    nextBackward[step] = next;
  }
  int added = 0;
  for (auto [step, live] : llvm::enumerate(replayed.live)) {
    if (live <= budget)
      continue;
    // Columns that reasons add on the way are not part of the solution.
    std::vector<double> values = solved;
    values.resize(milp.getColumns());
    if (std::optional<Affine> memory = findExcess(values, step, schedule, nextBackward)) {
      milp.addRow(minus(makeConstant(budget), *memory));
      ++added;
    }
  }
  return added;
}

void RetentionModel::exclude(const KeepSet &keep) {
  Affine changes = makeConstant(-1);
  for (auto [tensor, column] : llvm::enumerate(keepColumns)) {
    if (column < 0)
      continue;
    changes.add(column, keep[tensor] ? -1 : 1);
    changes.constant += keep[tensor] ? 1 : 0;
  }
  milp.addRow(changes);
}
