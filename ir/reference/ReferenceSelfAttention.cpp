//===- ReferenceSelfAttention.cpp - Meanings of attention in a batch ------===//
#include "ir/TrainingOps.h"
#include "ir/reference/Checks.h"
#include "ir/reference/Formulas.h"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace mlir;
using namespace nyala;
using reference::checkEqual;
using reference::Tensor;

using Results = FailureOr<SmallVector<Tensor>>;

namespace {

/// Which rows and channels belong together, of an op or its gradient.
struct AttentionShape {
  template <typename Op>
  explicit AttentionShape(Op op)
      : heads(op.getHeads()), kvHeads(op.getKvHeads()), length(op.getLength()),
        window(op.getMask().getWindow()), keyDim(getChannels(op.getKeys()) / kvHeads),
        valueDim(getChannels(op.getValues()) / kvHeads), scale(op.getScale().convertToDouble()) {}

  /// The first row that row r sees; the last is r itself.
  int64_t firstSeen(int64_t r) const {
    int64_t start = r / length * length;
    return window > 0 ? std::max(start, r - window + 1) : start;
  }
  /// First channels of head h.
  int64_t query(int64_t h) const { return h * keyDim; }
  int64_t result(int64_t h) const { return h * valueDim; }
  int64_t key(int64_t h) const { return h / (heads / kvHeads) * keyDim; }
  int64_t value(int64_t h) const { return h / (heads / kvHeads) * valueDim; }

  int64_t heads, kvHeads, length, window, keyDim, valueDim;
  double scale;
};

} // namespace

/// Rows that types leave open: equally many, in whole sequences.
static LogicalResult checkSequences(Operation *op, ArrayRef<Tensor> operands, int64_t length) {
  int64_t rows = operands[0].dim(0);
  for (const Tensor &operand : operands.drop_front())
    if (failed(checkEqual(op, "rows of the operands", rows, operand.dim(0))))
      return failure();
  if (rows % length != 0)
    return op->emitOpError("expected rows to be a multiple of the length ")
           << length << " of sequences, got " << rows;
  return success();
}

/// `target += factor * source`.
static void addScaled(MutableArrayRef<double> target, double factor, ArrayRef<double> source) {
  for (auto [out, value] : llvm::zip_equal(target, source))
    out += factor * value;
}

Results SelfAttentionOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &query = operands[0], &keys = operands[1], &values = operands[2];
  AttentionShape shape(*this);
  int64_t rows = query.dim(0), heads = shape.heads, width = heads * shape.valueDim;
  if (failed(checkSequences(*this, operands, getLength())) ||
      failed(reference::checkFits(*this, {rows, width})))
    return failure();
  Tensor result({rows, width}), logSumExp({rows, heads});
  MutableArrayRef<double> out = result.mutableValues(), sums = logSumExp.mutableValues();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t h = 0; h < heads; ++h) {
      ArrayRef<double> q = query.row(r).slice(shape.query(h), shape.keyDim);
      int64_t first = shape.firstSeen(r);
      std::vector<double> logits;
      for (int64_t s = first; s <= r; ++s)
        logits.push_back(shape.scale *
                         reference::dot(q, keys.row(s).slice(shape.key(h), shape.keyDim)));
      double sum = sums[r * heads + h] = reference::logSumExp(logits);
      MutableArrayRef<double> target = out.slice(r * width + shape.result(h), shape.valueDim);
      for (int64_t s = first; s <= r; ++s)
        addScaled(target, std::exp(logits[s - first] - sum),
                  values.row(s).slice(shape.value(h), shape.valueDim));
    }
  return Results(SmallVector<Tensor>{result, logSumExp});
}

Results SelfAttentionGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &query = operands[1], &keys = operands[2];
  const Tensor &values = operands[3], &result = operands[4], &logSumExp = operands[5];
  AttentionShape shape(*this);
  if (failed(checkSequences(*this, operands, getLength())))
    return failure();
  Tensor dQuery(query.getShape()), dKeys(keys.getShape()), dValues(values.getShape());
  MutableArrayRef<double> dq = dQuery.mutableValues(), dk = dKeys.mutableValues(),
                          dv = dValues.mutableValues();
  for (int64_t r = 0; r < query.dim(0); ++r)
    for (int64_t h = 0; h < shape.heads; ++h) {
      ArrayRef<double> q = query.row(r).slice(shape.query(h), shape.keyDim);
      ArrayRef<double> g = gradient.row(r).slice(shape.result(h), shape.valueDim);
      double delta = reference::dot(g, result.row(r).slice(shape.result(h), shape.valueDim));
      for (int64_t s = shape.firstSeen(r); s <= r; ++s) {
        ArrayRef<double> k = keys.row(s).slice(shape.key(h), shape.keyDim);
        ArrayRef<double> v = values.row(s).slice(shape.value(h), shape.valueDim);
        double p = std::exp(shape.scale * reference::dot(q, k) - logSumExp.row(r)[h]);
        double d = shape.scale * p * (reference::dot(g, v) - delta);
        addScaled(dq.slice(r * query.dim(1) + shape.query(h), shape.keyDim), d, k);
        addScaled(dk.slice(s * keys.dim(1) + shape.key(h), shape.keyDim), d, q);
        addScaled(dv.slice(s * values.dim(1) + shape.value(h), shape.valueDim), p, g);
      }
    }
  return Results(SmallVector<Tensor>{dQuery, dKeys, dValues});
}
