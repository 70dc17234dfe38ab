//===- ReferenceImageGradients.cpp - Meanings of image gradients ----------===//
//
// Plain loops in double, as the ops' documentation says.
//
//===----------------------------------------------------------------------===//
#include "ir/ImageGradientOps.h"
#include "ir/reference/Checks.h"
#include "ir/reference/Images.h"

#include <cmath>

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

using Results = FailureOr<SmallVector<Tensor>>;

//===----------------------------------------------------------------------===//
// Convolutions and pooling
//===----------------------------------------------------------------------===//

Results ConvolutionWeightGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &windows = operands[0], &images = operands[1];
  if (failed(checkEqual(*this, "rows of the images", windows.dim(0), images.dim(0))))
    return failure();
  Tensor result(getType().getShape());
  MutableArrayRef<double> out = result.mutableValues();
  WindowAxes axes = nyala::getWindowAxes(*this);
  Extent image(images), window(windows);
  forEachFilter(result.getShape(), images.dim(0), static_cast<int64_t>(getGroups()),
                [&](int64_t o, int64_t c, int64_t element, int64_t i, int64_t j) {
                  const double *gradient = windows.values().data() + o * window.size();
                  const double *input = images.values().data() + c * image.size();
                  forEachRun(
                      axes, i, j, image, window, [&](int64_t place, int64_t pixel, int64_t count) {
                        for (int64_t k = 0; k < count; ++k)
                          out[element] += gradient[place + k] * input[pixel + k * axes[1].stride];
                      });
                });
  return single(std::move(result));
}

/// Of pixels of equal value the first; no number is larger than one that is none.
static int64_t findMaximum(const Tensor &input, ArrayRef<int64_t> pixels) {
  int64_t best = pixels.front();
  for (int64_t pixel : pixels)
    if (!std::isnan(input[best]) && (std::isnan(input[pixel]) || input[pixel] > input[best]))
      best = pixel;
  return best;
}

Results PoolGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0];
  if (getInput() &&
      failed(checkEqual(*this, "rows of the input", gradient.dim(0), operands[1].dim(0))))
    return failure();
  Tensor result(getResultShape(*this, gradient));
  MutableArrayRef<double> out = result.mutableValues();
  forEachPooled(*this, gradient.dim(0) * gradient.dim(1), Extent(result), Extent(gradient),
                [&](int64_t window, ArrayRef<int64_t> pixels, int64_t count) {
                  if (getKind() == PoolKind::Average)
                    for (int64_t pixel : pixels)
                      out[pixel] += gradient[window] / static_cast<double>(count);
                  else if (!pixels.empty())
                    out[findMaximum(operands[1], pixels)] += gradient[window];
                });
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// Calls fn(channel, element) for each element of `planes`.
template <typename Fn> static void forEachElement(const Tensor &planes, Fn fn) {
  int64_t channels = planes.dim(1), plane = planes.rowSize() / std::max<int64_t>(channels, 1);
  for (int64_t i = 0; i < planes.size(); ++i)
    fn(i / plane % channels, i);
}

static double getPlaces(const Tensor &planes) {
  return static_cast<double>(planes.size()) / static_cast<double>(planes.dim(1));
}

Results BatchNormTrainingOp::evaluate(ArrayRef<Tensor> operands) {
  Tensor result = operands[0];
  const Tensor &scale = operands[1], &bias = operands[2];
  Tensor means(scale.getShape()), variances(scale.getShape());
  MutableArrayRef<double> out = result.mutableValues(), mean = means.mutableValues(),
                          variance = variances.mutableValues();
  double places = getPlaces(result), epsilon = getEpsilon().convertToDouble();
  forEachElement(result, [&](int64_t c, int64_t i) { mean[c] += out[i] / places; });
  forEachElement(result, [&](int64_t c, int64_t i) {
    variance[c] += (out[i] - mean[c]) * (out[i] - mean[c]) / places;
  });
  forEachElement(result, [&](int64_t c, int64_t i) {
    out[i] = (out[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c];
  });
  return Results(SmallVector<Tensor>{result, means, variances});
}

Results BatchNormWeightGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1], &mean = operands[2],
               &variance = operands[3];
  if (failed(checkEqual(*this, "rows of the input", gradient.dim(0), input.dim(0))))
    return failure();
  Tensor scales(mean.getShape()), biases(mean.getShape());
  MutableArrayRef<double> scale = scales.mutableValues(), bias = biases.mutableValues();
  double epsilon = getEpsilon().convertToDouble();
  forEachElement(input, [&](int64_t c, int64_t i) {
    scale[c] += gradient[i] * (input[i] - mean[c]) / std::sqrt(variance[c] + epsilon);
    bias[c] += gradient[i];
  });
  return Results(SmallVector<Tensor>{scales, biases});
}

Results BatchNormGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1], &scale = operands[2],
               &mean = operands[3], &variance = operands[4], &scales = operands[5],
               &biases = operands[6];
  if (failed(checkEqual(*this, "rows of the input", gradient.dim(0), input.dim(0))))
    return failure();
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  double places = getPlaces(input), epsilon = getEpsilon().convertToDouble();
  forEachElement(input, [&](int64_t c, int64_t i) {
    double factor = 1 / std::sqrt(variance[c] + epsilon), z = (input[i] - mean[c]) * factor;
    out[i] = scale[c] * factor * (gradient[i] - (biases[c] + z * scales[c]) / places);
  });
  return single(std::move(result));
}

Results MovingAverageOp::evaluate(ArrayRef<Tensor> operands) {
  Tensor result = operands[0];
  double momentum = getMomentum().convertToDouble();
  for (auto [state, value] : llvm::zip_equal(result.mutableValues(), operands[1].values()))
    state = momentum * state + (1 - momentum) * value;
  return single(std::move(result));
}

Results LocalResponseNormGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1];
  if (failed(checkEqual(*this, "rows of the input", gradient.dim(0), input.dim(0))))
    return failure();
  auto size = static_cast<int64_t>(getSize());
  double alpha = getAlpha().convertToDouble() / static_cast<double>(size),
         beta = getBeta().convertToDouble(), bias = getBias().convertToDouble();
  int64_t channels = input.dim(1), plane = input.rowSize() / std::max<int64_t>(channels, 1);
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  // Each channel's result gives to the channels that it is divided by.
  forEachElement(input, [&](int64_t c, int64_t i) {
    auto [first, last] = getNeighbourChannels(c, size, channels);
    double divisor = bias;
    for (int64_t k = first; k <= last; ++k)
      divisor += alpha * input[i + (k - c) * plane] * input[i + (k - c) * plane];
    out[i] += gradient[i] / std::pow(divisor, beta);
    double common = 2 * alpha * beta * gradient[i] * input[i] / std::pow(divisor, beta + 1);
    for (int64_t k = first; k <= last; ++k)
      out[i + (k - c) * plane] -= common * input[i + (k - c) * plane];
  });
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Resizing
//===----------------------------------------------------------------------===//

Results TransposedResizeOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(getResultShape(*this, input));
  MutableArrayRef<double> out = result.mutableValues();
  forEachPart(*this, input.dim(0) * input.dim(1), Extent(result), Extent(input),
              [&](int64_t resized, int64_t pixel, double weight) {
                out[pixel] += weight * input[resized];
              });
  return single(std::move(result));
}
