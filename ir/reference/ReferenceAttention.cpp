//===- ReferenceAttention.cpp - Meanings of rotations and attention -------===//
#include "ir/AttentionOps.h"
#include "ir/reference/Checks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace mlir;
using namespace nyala;
using reference::checkEqual;
using reference::checkIndex;
using reference::single;
using reference::Tensor;

using Results = FailureOr<SmallVector<Tensor>>;

//===----------------------------------------------------------------------===//
// Rotary position embedding
//===----------------------------------------------------------------------===//

/// Cosines of a row's angles, then their sines.
static Tensor makeRopeTable(const Tensor &positions, ArrayRef<float> frequencies) {
  int64_t pairs = frequencies.size();
  Tensor table({positions.size(), 2 * pairs});
  MutableArrayRef<double> out = table.mutableValues();
  for (int64_t r = 0; r < positions.size(); ++r)
    for (int64_t i = 0; i < pairs; ++i) {
      double angle = positions[r] * static_cast<double>(frequencies[i]);
      out[r * 2 * pairs + i] = std::cos(angle);
      out[r * 2 * pairs + pairs + i] = std::sin(angle);
    }
  return table;
}

/// Rotates the pairs of each head by the angles in `table`, or back.
static Tensor rotate(RopePairing pairing, const Tensor &input, const Tensor &table, int64_t heads,
                     bool inverse = false) {
  int64_t pairs = table.dim(1) / 2, headDim = input.dim(1) / heads;
  Tensor result = input;
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < input.dim(0); ++r)
    for (int64_t h = 0; h < heads; ++h) {
      int64_t head = r * input.dim(1) + h * headDim;
      for (int64_t i = 0; i < pairs; ++i) {
        bool adjacent = pairing == RopePairing::Adjacent;
        int64_t first = head + (adjacent ? 2 * i : i);
        int64_t second = adjacent ? first + 1 : first + pairs;
        double cosine = table.row(r)[i];
        double sine = inverse ? -table.row(r)[pairs + i] : table.row(r)[pairs + i];
        out[first] = input[first] * cosine - input[second] * sine;
        out[second] = input[second] * cosine + input[first] * sine;
      }
    }
  return result;
}

Results RopeOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0], &positions = operands[1];
  if (failed(checkEqual(*this, "rows of the positions", input.dim(0), positions.dim(0))))
    return failure();
  SmallVector<float> frequencies = getRopeFrequencies(getBase().convertToDouble(), getDims(),
                                                      getScale().convertToDouble(), getFactors());
  return single(rotate(getPairing(), input, makeRopeTable(positions, frequencies), getHeads()));
}

Results RopeTableOp::evaluate(ArrayRef<Tensor> operands) {
  return single(
      makeRopeTable(operands[0], getRopeFrequencies(getBase().convertToDouble(), getDims(),
                                                    getScale().convertToDouble(), getFactors())));
}

Results RotateOp::evaluate(ArrayRef<Tensor> operands) {
  if (failed(checkEqual(*this, "rows of the table", operands[0].dim(0), operands[1].dim(0))))
    return failure();
  return single(rotate(getPairing(), operands[0], operands[1], getHeads(), getInverse()));
}

//===----------------------------------------------------------------------===//
// Attention and its cache
//===----------------------------------------------------------------------===//

void reference::roundToBlocks(StoredFormat format, MutableArrayRef<double> values) {
  SlotLayout layout(format, static_cast<int64_t>(values.size()));
  std::vector<float> floats(values.begin(), values.end());
  std::vector<uint8_t> stored(layout.getSlotBytes());
  layout.store(floats.data(), stored.data());
  layout.load(stored.data(), floats.data());
  llvm::copy(floats, values.begin());
}

Results CacheAppendOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[1], &slots = operands[2], &sequences = operands[3];
  Tensor result = operands[0];
  int64_t rows = input.dim(0), width = input.dim(1);
  if (failed(checkEqual(*this, "rows of the slots", rows, slots.dim(0))) ||
      failed(checkEqual(*this, "rows of the sequences", rows, sequences.dim(0))))
    return failure();
  int64_t sequenceCount = result.dim(0), slotCount = result.dim(1);
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < rows; ++r) {
    if (slots[r] < 0)
      continue;
    FailureOr<int64_t> slot = checkIndex(*this, "slot", slots, r, slotCount);
    FailureOr<int64_t> sequence = checkIndex(*this, "sequence", sequences, r, sequenceCount);
    if (failed(slot) || failed(sequence))
      return failure();
    MutableArrayRef<double> target = out.slice((*sequence * slotCount + *slot) * width, width);
    llvm::copy(input.row(r), target.begin());
    if (BlocksAttr blocks = getBlocks(getTensorType(getCache())))
      reference::roundToBlocks(blocks.getFormat(), target);
  }
  return single(std::move(result));
}

namespace {

/// One row and head of an attention.
struct HeadScores {
  int64_t row, head;
  int64_t first;              ///< position of scores[0]
  std::vector<double> scores; ///< of the positions that the row attends to
  ArrayRef<double> values;    ///< slot by slot, from its head's first channel in slot 0
  int64_t slotWidth, valueDim;

  /// Writes the sum over positions [begin, end) of exp(score - maximum) * value; returns the
  /// maximum and the sum of the exponentials.
  std::pair<double, double> reduce(int64_t begin, int64_t end, double *weighted) const {
    double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t s = begin; s < end; ++s)
      maximum = std::max(maximum, scores[s - first]);
    for (int64_t s = begin; s < end; ++s) {
      double weight = std::exp(scores[s - first] - maximum);
      sum += weight;
      ArrayRef<double> value = values.slice(s * slotWidth, valueDim);
      for (int64_t i = 0; i < valueDim; ++i)
        weighted[i] += weight * value[i];
    }
    return {maximum, sum};
  }
};

} // namespace

/// The first position that a row at position `last` attends to.
static int64_t getFirstPosition(MaskAttr mask, int64_t last) {
  return mask.getWindow() > 0 ? std::max<int64_t>(0, last - mask.getWindow() + 1) : 0;
}

/// Calls `body` for every row and head.
template <typename Op>
static LogicalResult forHeads(Op op, ArrayRef<Tensor> operands,
                              function_ref<void(const HeadScores &)> body) {
  const Tensor &query = operands[0], &keys = operands[1], &values = operands[2];
  const Tensor &positions = operands[3], &sequences = operands[4];
  int64_t rows = query.dim(0), slots = keys.dim(1), heads = op.getHeads();
  int64_t kvHeads = op.getKvHeads();
  if (failed(checkEqual(op, "rows of the positions", rows, positions.dim(0))) ||
      failed(checkEqual(op, "rows of the sequences", rows, sequences.dim(0))) ||
      failed(checkEqual(op, "sequences of the values", keys.dim(0), values.dim(0))) ||
      failed(checkEqual(op, "slots of the values", slots, values.dim(1))))
    return failure();
  int64_t keyDim = query.dim(1) / heads, valueDim = values.dim(2) / kvHeads;
  double scale = op.getScale().convertToDouble();
  for (int64_t r = 0; r < rows; ++r) {
    FailureOr<int64_t> last = checkIndex(op, "position", positions, r, slots);
    FailureOr<int64_t> sequence = checkIndex(op, "sequence", sequences, r, keys.dim(0));
    if (failed(last) || failed(sequence))
      return failure();
    int64_t first = getFirstPosition(op.getMask(), *last);
    for (int64_t h = 0; h < heads; ++h) {
      int64_t kvHead = h / (heads / kvHeads);
      ArrayRef<double> q = query.row(r).slice(h * keyDim, keyDim);
      HeadScores head{r, h, first, {}, {}, values.dim(2), valueDim};
      head.values =
          values.values().drop_front(*sequence * slots * values.dim(2) + kvHead * valueDim);
      for (int64_t s = first; s <= *last; ++s) {
        ArrayRef<double> key =
            keys.values().slice((*sequence * slots + s) * keys.dim(2) + kvHead * keyDim, keyDim);
        double dot = 0;
        for (int64_t i = 0; i < keyDim; ++i)
          dot += q[i] * key[i];
        head.scores.push_back(scale * dot);
      }
      body(head);
    }
  }
  return success();
}

Results AttentionOp::evaluate(ArrayRef<Tensor> operands) {
  int64_t valueDim = getChannels(getValues()) / static_cast<int64_t>(getKvHeads());
  int64_t width = static_cast<int64_t>(getHeads()) * valueDim;
  Tensor result({operands[0].dim(0), width});
  MutableArrayRef<double> out = result.mutableValues();
  if (failed(forHeads(*this, operands, [&](const HeadScores &head) {
        double *target = &out[head.row * width + head.head * valueDim];
        auto end = head.first + static_cast<int64_t>(head.scores.size());
        auto [maximum, sum] = head.reduce(head.first, end, target);
        for (int64_t i = 0; i < valueDim; ++i)
          target[i] /= sum;
      })))
    return failure();
  return single(std::move(result));
}

// What is undefined are zeros.
Results AttentionPartsOp::evaluate(ArrayRef<Tensor> operands) {
  PartsLayout layout = PartsLayout::get(*this);
  int64_t width = static_cast<int64_t>(getHeads()) * layout.getHeadColumns();
  Tensor result({operands[0].dim(0), width});
  MutableArrayRef<double> out = result.mutableValues();
  if (failed(forHeads(*this, operands, [&](const HeadScores &head) {
        auto end = head.first + static_cast<int64_t>(head.scores.size());
        for (int64_t part = head.first / kPartPositions; part * kPartPositions < end; ++part) {
          double *target = &out[head.row * width + head.head * layout.getHeadColumns() +
                                part * layout.getPartColumns()];
          auto [maximum, sum] = head.reduce(std::max(head.first, part * kPartPositions),
                                            std::min(end, (part + 1) * kPartPositions), target);
          target[layout.getMaximumColumn()] = maximum;
          target[layout.getSumColumn()] = sum;
        }
      })))
    return failure();
  return single(std::move(result));
}

Results MergeAttentionOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0], &positions = operands[1];
  PartsLayout layout = PartsLayout::get(*this);
  int64_t rows = input.dim(0), heads = getHeads();
  if (failed(checkEqual(*this, "rows of the positions", rows, positions.dim(0))))
    return failure();
  Tensor result({rows, heads * layout.valueDim});
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < rows; ++r) {
    FailureOr<int64_t> last =
        checkIndex(*this, "position", positions, r, layout.parts * kPartPositions);
    if (failed(last))
      return failure();
    int64_t begin = getFirstPosition(getMask(), *last) / kPartPositions;
    int64_t end = *last / kPartPositions + 1;
    for (int64_t h = 0; h < heads; ++h) {
      auto part = [&](int64_t p) {
        return input.row(r).slice(h * layout.getHeadColumns() + p * layout.getPartColumns(),
                                  layout.getPartColumns());
      };
      double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t p = begin; p < end; ++p)
        maximum = std::max(maximum, part(p)[layout.getMaximumColumn()]);
      double *target = &out[(r * heads + h) * layout.valueDim];
      for (int64_t p = begin; p < end; ++p) {
        double weight = std::exp(part(p)[layout.getMaximumColumn()] - maximum);
        sum += weight * part(p)[layout.getSumColumn()];
        for (int64_t i = 0; i < layout.valueDim; ++i)
          target[i] += weight * part(p)[i];
      }
      for (int64_t i = 0; i < layout.valueDim; ++i)
        target[i] /= sum;
    }
  }
  return single(std::move(result));
}
