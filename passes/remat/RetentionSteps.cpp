//===- RetentionSteps.cpp - The memory of single steps --------------------===//
//
// Why a tensor is there at a step, as expressions of what is kept and recomputed.
// Each reason alone is a lower bound of whether it is there, so a row made of any
// choice of reasons holds for all schedules.
//
//===----------------------------------------------------------------------===//
#include "passes/remat/RetentionModel.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace nyala::remat;

RetentionModel::Reasons RetentionModel::reasonsForward(int tensor, int node) const {
  const TensorUses &use = uses(tensor);
  if (use.kind == TensorUses::Kind::Constant || use.writer < 0 || use.writer > node)
    return {};
  if (node <= use.lastForward)
    return {Affine{1, {}}};
  if (use.firstBackward >= 0 || lifetimes.isDroppable(tensor))
    return {keep(tensor)};
  Reasons reasons;
  for (int consumer : use.consumers)
    if (hasColumns(consumer))
      reasons.push_back(recomputedAtEnd(consumer));
  return reasons;
}

RetentionModel::Reasons RetentionModel::reasonsBackward(int tensor, int node) {
  const TensorUses &use = uses(tensor);
  if (use.kind == TensorUses::Kind::Constant || use.writer < 0)
    return {};
  if (use.firstBackward >= 0 && node <= use.lastBackward)
    return {node < use.firstBackward ? present(tensor, stageOf(node)) : Affine{1, {}}};
  return {late(tensor, stageOf(node))};
}

/// While `node` is recomputed, before the backward node that begins `stage`.
RetentionModel::Reasons RetentionModel::reasonsRecomputing(int tensor, int node, int stage) {
  const TensorUses &use = uses(tensor);
  if (use.kind == TensorUses::Kind::Constant || use.writer < 0)
    return {};
  int backward = lifetimes.stages[stage], known = use.writer <= node ? stage : stage - 1;
  bool droppable = lifetimes.isDroppable(tensor);
  Reasons reasons;
  if (droppable && use.writer == node)
    reasons.push_back(recomputedIn(node, stage));
  if (!droppable || use.writer < node)
    for (int consumer : use.consumers)
      if (consumer >= node && hasColumns(consumer))
        reasons.push_back(recomputedIn(consumer, stage));
  if (use.firstBackward >= 0 && backward <= use.lastBackward) {
    if (use.firstBackward < backward || !droppable) {
      reasons = {Affine{1, {}}};
    } else {
      reasons.push_back(keep(tensor));
      Affine again = recomputed(use.writer, known);
      if (nodes[use.writer].wanted == tensor)
        reasons.back().add(again);
      else
        reasons.push_back(again);
    }
    return reasons;
  }
  if (use.firstBackward >= 0 || !droppable) {
    for (int consumer : use.consumers)
      if (hasColumns(consumer)) {
        reasons.push_back(recomputedAtEnd(consumer));
        reasons.back().add(recomputed(consumer, consumer >= node ? stage - 1 : stage), -1);
      }
    return reasons;
  }
  for (int consumer : use.consumers)
    if (hasColumns(consumer)) {
      Affine reason = recomputedAtEnd(consumer);
      reason.add(recomputed(consumer, consumer >= node ? stage - 1 : stage), -1);
      reason.add(keep(tensor));
      reason.add(recomputed(use.writer, known));
      reason.constant -= 1;
      reasons.push_back(reason);
    }
  return reasons;
}

/// Memory at `step`, by the reasons that are strongest at `values`.
Affine RetentionModel::memoryAt(const std::vector<double> &values, int step,
                                const Schedule &schedule, const std::vector<int> &nextBackward) {
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
  for (int tensor = 0, count = lifetimes.tensors.size(); tensor < count; ++tensor) {
    Reasons reasons = first   ? reasonsForward(tensor, node)
                      : again ? reasonsRecomputing(tensor, node, stage)
                              : reasonsBackward(tensor, node);
    auto best = llvm::max_element(reasons, [&](const Affine &left, const Affine &right) {
      return left.evaluate(values) < right.evaluate(values);
    });
    if (best != reasons.end() && best->evaluate(values) > 0)
      memory.add(*best, lifetimes.getBytes(tensor));
  }
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
    Affine memory = memoryAt(values, step, schedule, nextBackward);
    values.resize(milp.getColumns());
    // Bytes are integers, solutions are not quite.
    if (memory.evaluate(values) < budget + 0.5)
      continue;
    Affine row{static_cast<double>(budget), {}};
    row.add(memory, -1);
    milp.addRow(row);
    ++added;
  }
  return added;
}
