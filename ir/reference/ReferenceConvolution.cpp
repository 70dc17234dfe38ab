//===- ReferenceConvolution.cpp - Meanings of images' ops -----------------===//
//
// Plain loops in double, as the ops' documentation says; innermost along rows of
// images, so that networks of some billion operations take seconds.
//
//===----------------------------------------------------------------------===//
#include "ir/reference/Checks.h"
#include "ir/reference/Images.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

using Results = FailureOr<SmallVector<Tensor>>;

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

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
  forEachFilter(operands[1].getShape(), input.dim(0), static_cast<int64_t>(getGroups()),
                [&](int64_t o, int64_t c, int64_t element, int64_t i, int64_t j) {
                  double weight = operands[1][element];
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
  forEachFilter(operands[1].getShape(), input.dim(0), static_cast<int64_t>(getGroups()),
                [&](int64_t c, int64_t o, int64_t element, int64_t i, int64_t j) {
                  double weight = operands[1][element];
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
  MutableArrayRef<double> out = result.mutableValues();
  forEachPooled(*this, input.dim(0) * input.dim(1), Extent(input), Extent(result),
                [&](int64_t window, ArrayRef<int64_t> pixels, int64_t count) {
                  double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
                  for (int64_t pixel : pixels) {
                    double value = input[pixel];
                    maximum = std::isnan(value) ? value : std::max(maximum, value);
                    sum += value;
                  }
                  out[window] =
                      getKind() == PoolKind::Max ? maximum : sum / static_cast<double>(count);
                });
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
    int64_t c = i % channels;
    auto [first, last] = getNeighbourChannels(c, size, channels);
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

std::vector<Neighbours> reference::getNeighbours(const ResizeAxis &axis, int64_t size,
                                                 int64_t resized) {
  auto clamp = [&](double place) {
    return static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(size - 1)));
  };
  bool linear = axis.kind == ResizeKind::Linear;
  std::vector<Neighbours> neighbours;
  for (int64_t i = 0; i < resized; ++i) {
    double place = getCoordinate(axis.coordinates, i, resized, size, axis.scale);
    double before = linear ? std::floor(place) : roundCoordinate(axis.rounding, place);
    neighbours.push_back(
        {clamp(before), clamp(linear ? before + 1 : before), linear ? place - before : 0});
  }
  return neighbours;
}

Results ResizeOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(getResultShape(*this, input));
  MutableArrayRef<double> out = result.mutableValues();
  forEachPart(*this, input.dim(0) * input.dim(1), Extent(input), Extent(result),
              [&](int64_t resized, int64_t pixel, double weight) {
                out[resized] += weight * input[pixel];
              });
  return single(std::move(result));
}
