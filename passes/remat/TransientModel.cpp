//===- TransientModel.cpp - Recomputing more than once --------------------===//
#include "passes/remat/TransientModel.h"
#include "passes/remat/Milp.h"

#include "llvm/ADT/STLExtras.h"

using namespace nyala::remat;

static bool readsDroppable(const Lifetimes &lifetimes, int node) {
  return llvm::any_of(lifetimes.graph.nodes[node].inputs,
                      [&](int tensor) { return lifetimes.isDroppable(tensor); });
}

namespace {
class TransientModel {
public:
  TransientModel(const Lifetimes &lifetimes, int64_t budget)
      : lifetimes(lifetimes), budget(budget), keep(lifetimes.tensors.size(), -1), stays(keep) {
    for (auto [tensor, uses] : llvm::enumerate(lifetimes.tensors)) {
      if (!lifetimes.isDroppable(tensor) || uses.firstBackward < 0)
        continue;
      keep[tensor] = milp.addColumn(0, 1, 0, true);
      stays[tensor] = milp.addColumn(0, 1, 0, true);
      milp.addRow(minus(makeConstant(1), sum(keep[tensor], stays[tensor])));
    }
    back.resize(lifetimes.tensors.size());
    for (int node = lifetimes.graph.firstBackward; node < lifetimes.getNodes(); ++node)
      if (readsDroppable(lifetimes, node))
        addStage(node);
  }

  std::optional<TransientResult> solve(const MilpOptions &options) const {
    MilpResult solved = milp.solve(options);
    if (solved.values.empty())
      return std::nullopt;
    TransientResult result{KeepSet(keep.size()), KeepSet(keep.size())};
    for (int tensor = 0, end = keep.size(); tensor < end; ++tensor) {
      auto isSet = [&](int column) { return column >= 0 && solved.values[column] > 0.5; };
      result.keep[tensor] = !lifetimes.isDroppable(tensor) || isSet(keep[tensor]);
      result.transient[tensor] = !result.keep[tensor] && !isSet(stays[tensor]);
    }
    return result;
  }

private:
  static Affine term(int column) {
    Affine result;
    if (column >= 0)
      result.add(column, 1);
    return result;
  }
  static Affine sum(int left, int right) {
    Affine result = term(left);
    result.add(term(right));
    return result;
  }

  /// Wants `tensor` in this stage as far as `wanted`.
  void require(int tensor, const Affine &wanted, const std::vector<int> &runs) {
    Affine row = term(runs[lifetimes.tensors[tensor].writer]);
    row.add(term(keep[tensor]));
    row.add(back[tensor]);
    milp.addRow(minus(row, wanted));
  }

  void addStage(int node) {
    const Graph &graph = lifetimes.graph;
    std::vector<char> isRead(lifetimes.tensors.size());
    for (int tensor : graph.nodes[node].inputs)
      isRead[tensor] = true;
    // What may run again for it, and what follows for their inputs, from the last to the first.
    std::vector<int> runs(graph.firstBackward, -1);
    for (int index = graph.firstBackward - 1; index >= 0; --index) {
      const Node &forward = graph.nodes[index];
      bool wanted = false;
      for (int tensor : forward.outputs)
        if (lifetimes.isDroppable(tensor))
          wanted |= isRead[tensor] || llvm::any_of(lifetimes.tensors[tensor].consumers,
                                                   [&](int reader) { return runs[reader] >= 0; });
      if (wanted)
        runs[index] = milp.addColumn(0, 1, forward.cost, false);
    }
    for (int index = 0; index < graph.firstBackward; ++index)
      if (runs[index] >= 0)
        for (int tensor : graph.nodes[index].inputs)
          if (lifetimes.isDroppable(tensor))
            require(tensor, term(runs[index]), runs);
    Affine room = makeConstant(budget - lifetimes.constantAt[node]);
    for (auto [tensor, uses] : llvm::enumerate(lifetimes.tensors)) {
      double bytes = lifetimes.getBytes(tensor);
      if (!lifetimes.isDroppable(tensor)) {
        if (uses.kind == TensorUses::Kind::Pinned && node <= uses.lastBackward)
          room.constant -= bytes;
        continue;
      }
      if (isRead[tensor]) {
        require(tensor, makeConstant(1), runs);
        room.constant -= bytes;
      }
      if (node >= uses.lastBackward)
        continue;
      int writer = runs[uses.writer];
      if (writer >= 0)
        addBack(tensor, writer);
      if (isRead[tensor])
        continue;
      room.add(term(keep[tensor]), -bytes);
      room.add(back[tensor], -bytes);
    }
    milp.addRow(room);
  }

  /// What is back after this stage, in which `writer` says whether it is recomputed.
  void addBack(int tensor, int writer) {
    Affine now = term(milp.addColumn(0, 1, 0, false));
    milp.addRow(minus(now, back[tensor]));
    milp.addRow(minus(term(stays[tensor]), now));
    Affine begun = sum(writer, stays[tensor]);
    begun.constant -= 1;
    milp.addRow(minus(now, begun));
    Affine most = back[tensor];
    most.add(writer, 1);
    milp.addRow(minus(most, now));
    back[tensor] = now;
  }

  const Lifetimes &lifetimes;
  int64_t budget;
  Milp milp;
  std::vector<int> keep, stays; ///< columns by tensor; -1: 0, of what no backward node reads
  std::vector<Affine> back;     ///< by tensor, as of the last stage
};
} // namespace

std::optional<TransientResult> nyala::remat::solveTransient(const Lifetimes &lifetimes,
                                                            const TransientOptions &options) {
  MilpOptions milp;
  milp.seconds = options.seconds;
  milp.allowedGap = options.allowedGap;
  milp.branches = options.branches;
  milp.threads = options.threads;
  return TransientModel(lifetimes, options.budget).solve(milp);
}

int64_t nyala::remat::countTransientSize(const Lifetimes &lifetimes) {
  int64_t stages = 0;
  for (int node = lifetimes.graph.firstBackward; node < lifetimes.getNodes(); ++node)
    stages += readsDroppable(lifetimes, node);
  return stages * lifetimes.graph.firstBackward;
}
