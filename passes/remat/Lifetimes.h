//===- Lifetimes.h - Which tensors a schedule may choose about --*- C++ -*-===//
//
// What all formulations need to know of a graph: where its tensors are written and
// read, which of them may go and come back, and what memory is taken whatever is
// chosen.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_REMAT_LIFETIMES_H
#define NYALA_PASSES_REMAT_LIFETIMES_H

#include "passes/remat/Schedule.h"

namespace nyala::remat {

struct TensorUses {
  enum class Kind {
    Constant, ///< written by the backward part too: its life is that of the plain schedule
    Pinned,   ///< of the forward part, of a node that runs once
    Droppable ///< of the forward part, can be computed again by `writer`
  } kind = Kind::Constant;
  int writer = -1;      ///< the first one; of droppable tensors the only one
  int lastForward = -1; ///< last forward node that writes or reads it
  /// First and last backward node that reads it, -1 if there is none. A result is read by the end.
  int firstBackward = -1, lastBackward = -1;
  std::vector<int> consumers; ///< recomputable forward nodes that read it, ascending
};

struct Lifetimes {
  explicit Lifetimes(const Graph &graph);

  const Graph &graph;
  std::vector<TensorUses> tensors;
  double plainCost = 0; ///< of each node once
  /// Backward nodes that are the first to read a droppable tensor: where recomputation happens.
  std::vector<int> stages;
  /// By stage, the node before which the last of its recomputation happens: the stage itself unless
  /// it is several of them.
  std::vector<int> settledAt;
  /// Last stage at or before each node; -1 if there is none.
  std::vector<int> stageOf;
  /// At each node, bytes that are there whatever is chosen: fixed ones, constant tensors,
  /// workspace.
  std::vector<int64_t> constantAt;
  /// The same without what the node adds (results, workspace): while something is recomputed for
  /// it.
  std::vector<int64_t> constantBefore;

  /// The same with at most `count` stages, which for a program that is smaller, and asks less, are
  /// several at once: the later the more. The memory of such a stage is that of its last part, so
  /// that ends where most memory is taken whatever is chosen.
  Lifetimes coarsen(int count) const;

  int getNodes() const { return graph.nodes.size(); }
  int64_t getBytes(int tensor) const { return graph.tensors[tensor].bytes; }
  /// At each backward node, what is there whatever is chosen: `constantAt` and what is read from
  /// before the node to after it.
  std::vector<int64_t> findTaken() const;
  /// Does the node run once: because it must, or because it writes a result, which would have to
  /// live twice?
  bool isOnce(const Node &node) const;
  bool isDroppable(int tensor) const { return tensors[tensor].kind == TensorUses::Kind::Droppable; }
  /// May a later part of the step want it: does keeping it or not make a difference?
  bool isWanted(int tensor) const {
    return tensors[tensor].firstBackward >= 0 || !tensors[tensor].consumers.empty();
  }
};

/// Which droppable tensors stay from the forward part to their last backward reader, by tensor.
using KeepSet = std::vector<char>;

/// The forward part once; before each backward node, what it reads and is not there. What was
/// recomputed stays until its last reader, so that no node is recomputed twice; but tensors in
/// `transient` are gone after the backward node for which they were recomputed.
Schedule makeSchedule(const Lifetimes &lifetimes, const KeepSet &keep,
                      const KeepSet *transient = nullptr);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_LIFETIMES_H
