//===- Report.h - Graph, schedule and certificate as JSON -------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_REPORT_H
#define NYALA_PASSES_REMAT_REPORT_H

#include "passes/remat/Solve.h"

#include "llvm/Support/JSON.h"

namespace nyala::remat {

/// Bytes of a schedule's arena, and of the plain schedule's, with what is fixed.
struct ArenaPeaks {
  int64_t peak = 0, plainPeak = 0;
};

/// A graph as JSON:
///
///   {"fixed_bytes": B, "first_backward": N,
///    "tensors": [{"bytes": B, "kept": true, "gradient": true}, ...],    (false is left out)
///    "nodes": [{"op": NAME, "bytes": B, "cost": C, "workspace": B, "recomputable": true,
///               "inputs": [TENSOR, ...], "outputs": [TENSOR, ...]}, ...]}
///
/// `bytes` of a node is what its outputs take, for readers; `tensors` is what counts.
llvm::json::Value toJson(const Graph &graph);
llvm::Expected<Graph> graphFromJson(const llvm::json::Value &value);

/// Everything about a plan; bench/remat_replay.py checks it.
///
///   {"nodes": N, "budget": B, "peak": B, "live_peak": B, "plain_peak": B, "plain_live_peak": B,
///    "state_bytes": B, "overhead": PERCENT, "bound": PERCENT, "gap": POINTS, "certified": true,
///    "seconds": S, "method": NAME, "class": NAME, "cost": C, "plain_cost": C, "graph": {...},
///    "schedule": [NODE, ...]}
///
/// `overhead` and `bound` are of the cost of running each node once. `live_peak` is the replay's,
/// `peak` the arena's with what is fixed, or the replay's where there is no arena; `plain_...` are
/// those of running each node once. `state_bytes` is what percentages of a budget leave out: fixed
/// bytes and gradients.
llvm::json::Object toJson(const Graph &graph, const Plan &plan, int64_t budget,
                          std::optional<ArenaPeaks> arena = std::nullopt);

/// What is alive at once, fixed bytes included, where each node runs once.
int64_t getPlainPeak(const Graph &graph);

/// Bytes of a budget that is a part of what recomputation can change: of `plainPeak`, the peak of
/// the plain schedule, without fixed bytes and gradients.
int64_t getBudget(const Graph &graph, double fraction, int64_t plainPeak);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_REPORT_H
