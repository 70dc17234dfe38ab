//===- RetentionModel.cpp - Variables of retention intervals --------------===//
#include "passes/remat/RetentionModel.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace nyala::remat;

RetentionModel::RetentionModel(const Lifetimes &lifetimes, int64_t budget, int window)
    : lifetimes(lifetimes), budget(budget), nodes(lifetimes.graph.firstBackward),
      keepColumns(lifetimes.tensors.size(), -1) {
  findRanges(window);
  addColumns();
  addRecomputation();
  addMemory();
}

/// Readers come after writers, so their ranges are known first.
void RetentionModel::findRanges(int window) {
  int stages = lifetimes.stages.size();
  std::vector<int> anchors(nodes.size(), stages);
  for (int index = static_cast<int>(nodes.size()) - 1; index >= 0; --index) {
    const Node &node = lifetimes.graph.nodes[index];
    NodeColumns &entry = nodes[index];
    if (lifetimes.isOnce(node))
      continue;
    int earliest = stages, anchor = stages, wanted = 0;
    for (int tensor : node.outputs) {
      if (!lifetimes.isDroppable(tensor))
        continue;
      bool used = uses(tensor).firstBackward >= 0;
      if (used) {
        int stage = stageOf(uses(tensor).firstBackward);
        earliest = std::min(earliest, stage);
        anchor = std::min(anchor, stage);
        entry.end = std::max(entry.end, stage);
      }
      for (int consumer : uses(tensor).consumers)
        if (hasColumns(consumer)) {
          used = true;
          earliest = std::min(earliest, nodes[consumer].first);
          entry.end = std::max(entry.end, nodes[consumer].end);
        }
      if (used) {
        ++wanted;
        entry.wanted = tensor;
      }
    }
    if (!wanted)
      continue;
    if (anchor == stages) // none of its own: those of what it is recomputed for
      for (int tensor : node.outputs)
        for (int consumer : uses(tensor).consumers)
          if (hasColumns(consumer))
            anchor = std::min(anchor, anchors[consumer]);
    anchors[index] = anchor;
    entry.first = std::max({earliest, anchor - std::min(window, stages), 0});
    if (wanted > 1) {
      entry.wanted = -1;
      continue;
    }
    if (uses(entry.wanted).firstBackward >= 0) {
      entry.settled = stageOf(uses(entry.wanted).firstBackward);
      continue;
    }
    if (isOutdone(entry.wanted))
      entry.alias = uses(entry.wanted).consumers.front();
  }
}

/// Is keeping it never better than keeping what its only reader makes of it?
bool RetentionModel::isOutdone(int tensor) const {
  const TensorUses &use = uses(tensor);
  if (use.firstBackward >= 0 || use.consumers.size() != 1)
    return false;
  int64_t results = 0;
  for (int result : lifetimes.graph.nodes[use.consumers.front()].outputs)
    if (lifetimes.isDroppable(result) && lifetimes.isWanted(result))
      results += lifetimes.getBytes(result);
  return results <= lifetimes.getBytes(tensor);
}

void RetentionModel::addColumns() {
  for (auto [index, entry] : llvm::enumerate(nodes)) {
    if (entry.end < 0)
      continue;
    const Node &node = lifetimes.graph.nodes[index];
    if (entry.alias < 0) {
      for (int tensor : node.outputs)
        if (lifetimes.isDroppable(tensor) && lifetimes.isWanted(tensor) && !isOutdone(tensor))
          keepColumns[tensor] = milp.addColumn(0, 1, 0, true);
      int last = entry.settled >= 0 ? entry.settled - 1 : entry.end;
      for (int stage = entry.first; stage <= last; ++stage)
        entry.columns.push_back(milp.addColumn(0, 1, 0, false));
    }
  }
  for (auto [index, entry] : llvm::enumerate(nodes))
    if (hasColumns(index))
      milp.addCost(recomputedAtEnd(index), lifetimes.graph.nodes[index].cost);
}

Affine RetentionModel::keep(int tensor) const {
  if (!lifetimes.isDroppable(tensor))
    return makeConstant(1);
  Affine result;
  if (keepColumns[tensor] >= 0)
    result.add(keepColumns[tensor], 1);
  return result;
}

Affine RetentionModel::recomputed(int node, int stage) const {
  const NodeColumns &entry = nodes[node];
  if (entry.end < 0)
    return {};
  if (entry.alias >= 0)
    return recomputed(entry.alias, stage);
  if (entry.settled >= 0 && stage >= entry.settled)
    return minus(makeConstant(1), keep(entry.wanted));
  if (stage < entry.first || entry.columns.empty())
    return {};
  Affine result;
  result.add(entry.columns[std::min<size_t>(stage - entry.first, entry.columns.size() - 1)], 1);
  return result;
}

Affine RetentionModel::recomputedIn(int node, int stage) const {
  return minus(recomputed(node, stage), recomputed(node, stage - 1));
}

void RetentionModel::addRecomputation() {
  int stages = lifetimes.stages.size();
  for (auto [position, entry] : llvm::enumerate(nodes)) {
    int index = position;
    if (entry.end < 0)
      continue;
    if (entry.alias < 0)
      for (int stage = entry.first + 1, last = entry.settled >= 0 ? entry.settled : entry.end;
           stage <= last; ++stage)
        milp.addRow(recomputedIn(index, stage));
    for (int tensor : lifetimes.graph.nodes[index].outputs) {
      if (keepColumns[tensor] < 0)
        continue;
      if (entry.settled < 0 && uses(tensor).firstBackward >= 0) {
        Affine row = recomputed(index, stageOf(uses(tensor).firstBackward));
        row.add(keep(tensor));
        row.constant -= 1;
        milp.addRow(row);
      }
      if (uses(tensor).firstBackward < 0) { // kept for a consumer that is recomputed, or not at all
        Affine row;
        for (int consumer : uses(tensor).consumers)
          row.add(recomputedAtEnd(consumer));
        milp.addRow(minus(row, keep(tensor)));
      }
    }
    // Inputs of a node that is recomputed.
    for (int tensor : lifetimes.graph.nodes[index].inputs) {
      if (!lifetimes.isDroppable(tensor))
        continue;
      const NodeColumns &writer = nodes[uses(tensor).writer];
      if (writer.alias == index)
        continue;
      int first = entry.alias >= 0 ? nodes[index].first : entry.first;
      int last = entry.settled >= 0 ? entry.settled : entry.end;
      if (writer.settled >= 0)
        last = std::min(last, writer.settled - 1);
      for (int stage = first; stage <= std::min(last, stages - 1); ++stage) {
        Affine row = keep(tensor);
        row.add(recomputed(uses(tensor).writer, stage));
        milp.addRow(minus(row, recomputed(index, stage)));
      }
    }
  }
}

Affine RetentionModel::largest(const std::vector<Affine> &choices) {
  Affine result;
  result.add(milp.addColumn(0, 1, 0, false), 1);
  for (const Affine &choice : choices)
    milp.addRow(minus(result, choice));
  return result;
}

Affine RetentionModel::laterThan(int consumer, int stage) const {
  return minus(recomputedAtEnd(consumer), recomputed(consumer, stage));
}

Affine RetentionModel::heldFor(int tensor, int consumer, int stage, int known) const {
  int writer = uses(tensor).writer;
  if (nodes[writer].wanted == tensor && uses(tensor).consumers.size() == 1)
    return minus(keep(tensor), recomputed(consumer, stage)); // recomputed with the consumer
  Affine held = laterThan(consumer, stage);
  held.add(keep(tensor));
  held.add(recomputed(writer, known));
  held.constant -= 1;
  return held;
}

Affine RetentionModel::present(int tensor, int stage) {
  int writer = uses(tensor).writer;
  Affine kept = keep(tensor);
  if (!lifetimes.isDroppable(tensor))
    return kept;
  Affine again = recomputed(writer, stage);
  if (nodes[writer].wanted == tensor || again.terms.empty()) { // never both
    kept.add(again);
    return kept;
  }
  auto [place, isNew] = presentCache.try_emplace({tensor, stage});
  if (isNew)
    place->second = largest({kept, again});
  return place->second;
}

Affine RetentionModel::late(int tensor, int stage) {
  auto [place, isNew] = lateCache.try_emplace({tensor, stage});
  if (!isNew)
    return place->second;
  std::vector<Affine> choices;
  bool readBackward = uses(tensor).firstBackward >= 0 || !lifetimes.isDroppable(tensor);
  if (!readBackward && keepColumns[tensor] < 0)
    return {}; // hardly ever there between stages: left to rows that are added when needed
  for (int consumer : uses(tensor).consumers)
    if (nodes[consumer].end > stage)
      choices.push_back(readBackward ? laterThan(consumer, stage)
                                     : heldFor(tensor, consumer, stage, stage));
  if (readBackward && choices.size() <= 1)
    return place->second = choices.empty() ? Affine() : choices.front();
  return place->second = choices.empty() ? Affine() : largest(choices);
}

/// Is it there at a backward node?
Affine RetentionModel::presentOrLate(int tensor, int node) {
  const TensorUses &use = uses(tensor);
  if (use.kind == TensorUses::Kind::Constant || use.writer < 0)
    return {};
  if (use.firstBackward >= 0 && node <= use.lastBackward)
    return node < use.firstBackward ? present(tensor, stageOf(node)) : makeConstant(1);
  return late(tensor, stageOf(node));
}

void RetentionModel::addMemory() {
  int forward = lifetimes.graph.firstBackward, end = lifetimes.getNodes();
  std::vector<int64_t> taken = lifetimes.findTaken();
  // Of the nodes from a stage to the next, the one with the most that does not depend on choices.
  for (int begin = forward; begin < end;) {
    int stage = stageOf(begin), worst = stage < 0 ? begin : lifetimes.settledAt[stage];
    for (; begin < end && stageOf(begin) == stage; ++begin)
      if (begin > worst && taken[begin] > taken[worst])
        worst = begin;
    Affine row = makeConstant(budget - lifetimes.constantAt[worst]);
    for (int tensor = 0, count = lifetimes.tensors.size(); tensor < count; ++tensor)
      row.add(presentOrLate(tensor, worst), -static_cast<double>(lifetimes.getBytes(tensor)));
    milp.addRow(row);
  }
}

KeepSet RetentionModel::decode(const std::vector<double> &values) const {
  KeepSet result(keepColumns.size());
  for (auto [tensor, column] : llvm::enumerate(keepColumns))
    result[tensor] = !lifetimes.isDroppable(tensor) || (column >= 0 && values[column] > 0.5);
  return result;
}
