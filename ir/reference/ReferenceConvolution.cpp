//===- ReferenceConvolution.cpp - Meanings of images' ops -----------------===//
//
// Plain loops in double, as the ops' documentation says; innermost along rows of
// images, so that networks of some billion operations take seconds.
//
//===----------------------------------------------------------------------===//
#include "ir/ConvolutionOps.h"
#include "ir/reference/Checks.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nyala;
using reference::single;
using reference::Tensor;

using Results = FailureOr<SmallVector<Tensor>>;

/// The result's shape, with the rows of the input.
static SmallVector<int64_t> getResultShape(Operation *op, const Tensor &input) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(op->getResult(0).getType()).getShape());
  shape[0] = input.dim(0);
  return shape;
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

namespace {

/// Rows and columns.
struct Extent {
  explicit Extent(const Tensor &images) : rows(images.dim(2)), columns(images.dim(3)) {}
  int64_t size() const { return rows * columns; }
  int64_t rows, columns;
};

} // namespace

/// Calls fn(window, pixel, count) for runs of windows, one a column, whose place (i, j) is inside
/// the image: windows `window + k` have pixels `pixel + k * stride`, k < count.
template <typename Fn>
static void forEachRun(const WindowAxes &axes, int64_t i, int64_t j, Extent image, Extent windows,
                       Fn fn) {
  const auto &[vertical, horizontal] = axes;
  int64_t top = i * vertical.dilation - vertical.padBefore,
          left = j * horizontal.dilation - horizontal.padBefore, stride = horizontal.stride;
  int64_t first = left < 0 ? llvm::divideCeil(-left, stride) : 0;
  int64_t last =
      std::min(windows.columns, left < image.columns ? (image.columns - 1 - left) / stride + 1 : 0);
  if (first >= last)
    return;
  for (int64_t y = 0; y < windows.rows; ++y)
    if (int64_t row = y * vertical.stride + top; row >= 0 && row < image.rows)
      fn(y * windows.columns + first, row * image.columns + first * stride + left, last - first);
}

/// Calls fn(window channel, image channel, weight, i, j), both numbered through all images, for
/// each element of the weight of a convolution from images to windows.
template <typename Fn>
static void forEachFilter(const Tensor &weight, int64_t images, int64_t groups, Fn fn) {
  int64_t filters = weight.dim(0), depth = weight.dim(1), perGroup = filters / groups;
  for (int64_t n = 0; n < images; ++n)
    for (int64_t o = 0; o < filters; ++o) {
      const double *place = weight.values().data() + o * weight.rowSize();
      for (int64_t c = 0; c < depth; ++c)
        for (int64_t i = 0; i < weight.dim(2); ++i)
          for (int64_t j = 0; j < weight.dim(3); ++j)
            fn(n * filters + o, n * depth * groups + o / perGroup * depth + c, *place++, i, j);
    }
}

static void fillWithBias(Tensor &result, const Tensor &bias) {
  int64_t plane = Extent(result).size();
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t n = 0; n < result.dim(0); ++n)
    for (int64_t c = 0; c < result.dim(1); ++c)
      llvm::fill(out.slice((n * result.dim(1) + c) * plane, plane), bias[c]);
}

Results ConvolutionOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(getResultShape(*this, input));
  if (getBias())
    fillWithBias(result, operands[2]);
  WindowAxes axes = getWindowAxes(*this);
  Extent image(input), windows(result);
  double *out = result.mutableValues().data();
  const double *in = input.values().data();
  int64_t stride = axes[1].stride;
  forEachFilter(operands[1], input.dim(0), static_cast<int64_t>(getGroups()),
                [&](int64_t o, int64_t c, double weight, int64_t i, int64_t j) {
                  double *to = out + o * windows.size();
                  const double *from = in + c * image.size();
                  forEachRun(axes, i, j, image, windows,
                             [&](int64_t window, int64_t pixel, int64_t count) {
                               for (int64_t k = 0; k < count; ++k)
                                 to[window + k] += weight * from[pixel + k * stride];
                             });
                });
  return single(std::move(result));
}

Results TransposedConvolutionOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(getResultShape(*this, input));
  if (getBias())
    fillWithBias(result, operands[2]);
  WindowAxes axes = getWindowAxes(*this);
  Extent image(result), windows(input);
  double *out = result.mutableValues().data();
  const double *in = input.values().data();
  int64_t stride = axes[1].stride;
  forEachFilter(operands[1], input.dim(0), static_cast<int64_t>(getGroups()),
                [&](int64_t c, int64_t o, double weight, int64_t i, int64_t j) {
                  double *to = out + o * image.size();
                  const double *from = in + c * windows.size();
                  forEachRun(axes, i, j, image, windows,
                             [&](int64_t window, int64_t pixel, int64_t count) {
                               for (int64_t k = 0; k < count; ++k)
                                 to[pixel + k * stride] += weight * from[window + k];
                             });
                });
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

Results PoolOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(getResultShape(*this, input));
  Extent image(input), windows(result);
  auto [vertical, horizontal] = getWindowAxes(*this);
  MutableArrayRef<double> out = result.mutableValues();
  auto isWithin = [](int64_t place, int64_t size, const WindowAxis &axis, bool pads) {
    return place >= (pads ? -axis.padBefore : 0) && place < size + (pads ? axis.padAfter : 0);
  };
  for (int64_t index = 0; index < result.size(); ++index) {
    int64_t plane = index / windows.size(), window = index % windows.size();
    int64_t top = window / windows.columns * vertical.stride - vertical.padBefore,
            left = window % windows.columns * horizontal.stride - horizontal.padBefore;
    double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < vertical.size; ++i)
      for (int64_t j = 0; j < horizontal.size; ++j) {
        int64_t row = top + i * vertical.dilation, column = left + j * horizontal.dilation;
        count += isWithin(row, image.rows, vertical, getCountPads()) &&
                 isWithin(column, image.columns, horizontal, getCountPads());
        if (!isWithin(row, image.rows, vertical, false) ||
            !isWithin(column, image.columns, horizontal, false))
          continue;
        double value = input[plane * image.size() + row * image.columns + column];
        maximum = std::isnan(value) ? value : std::max(maximum, value);
        sum += value;
      }
    out[index] = getKind() == PoolKind::Max ? maximum : sum / static_cast<double>(count);
  }
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

Results BatchNormOp::evaluate(ArrayRef<Tensor> operands) {
  Tensor result = operands[0];
  const Tensor &scale = operands[1], &bias = operands[2], &mean = operands[3],
               &variance = operands[4];
  double epsilon = getEpsilon().convertToDouble();
  int64_t channels = result.dim(1), plane = result.rowSize() / std::max<int64_t>(channels, 1);
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < result.dim(0) * channels; ++i) {
    int64_t c = i % channels;
    double factor = scale[c] / std::sqrt(variance[c] + epsilon);
    for (double &value : out.slice(i * plane, plane))
      value = (value - mean[c]) * factor + bias[c];
  }
  return single(std::move(result));
}

Results LocalResponseNormOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result = input;
  auto size = static_cast<int64_t>(getSize());
  double alpha = getAlpha().convertToDouble() / static_cast<double>(size),
         beta = getBeta().convertToDouble(), bias = getBias().convertToDouble();
  int64_t channels = input.dim(1), plane = input.rowSize() / std::max<int64_t>(channels, 1);
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < input.dim(0) * channels; ++i) {
    int64_t c = i % channels, first = std::max<int64_t>(c - (size - 1) / 2, 0),
            last = std::min(c + size / 2, channels - 1);
    for (int64_t p = 0; p < plane; ++p) {
      double squares = 0;
      for (int64_t k = first; k <= last; ++k)
        squares += input[(i - c + k) * plane + p] * input[(i - c + k) * plane + p];
      out[i * plane + p] /= std::pow(bias + alpha * squares, beta);
    }
  }
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Resizing
//===----------------------------------------------------------------------===//

/// Where element `i` of `size` lies among the `input` elements.
static double getCoordinate(ResizeCoordinates coordinates, int64_t i, int64_t size, int64_t input,
                            double scale) {
  auto place = static_cast<double>(i);
  switch (coordinates) {
  case ResizeCoordinates::PytorchHalfPixel:
    if (size == 1)
      return 0;
    [[fallthrough]];
  case ResizeCoordinates::HalfPixel:
    return (place + 0.5) / scale - 0.5;
  case ResizeCoordinates::AlignCorners:
    return size == 1 ? 0 : place * static_cast<double>(input - 1) / static_cast<double>(size - 1);
  case ResizeCoordinates::Asymmetric:
    return place / scale;
  }
  llvm_unreachable("unknown coordinates");
}

static double roundCoordinate(ResizeRounding rounding, double place) {
  switch (rounding) {
  case ResizeRounding::HalfDown:
    return std::ceil(place - 0.5);
  case ResizeRounding::HalfUp:
    return std::floor(place + 0.5);
  case ResizeRounding::Floor:
    return std::floor(place);
  case ResizeRounding::Ceil:
    return std::ceil(place);
  }
  llvm_unreachable("unknown rounding");
}

namespace {

/// An element of the result is `(1 - weight) * input[before] + weight * input[after]`.
struct Neighbours {
  int64_t before, after;
  double weight;
};

} // namespace

static std::vector<Neighbours> getNeighbours(ResizeOp op, unsigned axis, int64_t input) {
  int64_t size = getTensorType(op.getResult()).getDimSize(axis + 2);
  auto clamp = [&](double place) {
    return static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(input - 1)));
  };
  std::vector<Neighbours> neighbours;
  for (int64_t i = 0; i < size; ++i) {
    double place = getCoordinate(op.getCoordinates(), i, size, input, op.getScales()[axis]);
    double before = op.getKind() == ResizeKind::Linear ? std::floor(place)
                                                       : roundCoordinate(op.getRounding(), place);
    bool linear = op.getKind() == ResizeKind::Linear;
    neighbours.push_back(
        {clamp(before), clamp(linear ? before + 1 : before), linear ? place - before : 0});
  }
  return neighbours;
}

Results ResizeOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(getResultShape(*this, input));
  MutableArrayRef<double> out = result.mutableValues();
  std::vector<Neighbours> rows = getNeighbours(*this, 0, input.dim(2)),
                          columns = getNeighbours(*this, 1, input.dim(3));
  int64_t index = 0;
  for (int64_t plane = 0; plane < input.dim(0) * input.dim(1); ++plane)
    for (const Neighbours &row : rows)
      for (const Neighbours &column : columns) {
        auto pixel = [&](int64_t y, int64_t x) {
          return input[(plane * input.dim(2) + y) * input.dim(3) + x];
        };
        auto mix = [&](int64_t y) {
          return (1 - column.weight) * pixel(y, column.before) +
                 column.weight * pixel(y, column.after);
        };
        out[index++] = (1 - row.weight) * mix(row.before) + row.weight * mix(row.after);
      }
  return single(std::move(result));
}
