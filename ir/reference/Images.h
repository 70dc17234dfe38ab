//===- Images.h - Walks over images and their windows -----------*- C++ -*-===//
//
// What meanings of images' ops and of their gradients share.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_REFERENCE_IMAGES_H
#define NYALA_IR_REFERENCE_IMAGES_H

#include "ir/ConvolutionOps.h"
#include "ir/reference/Tensor.h"

namespace nyala::reference {

/// Rows and columns.
struct Extent {
  explicit Extent(const Tensor &images) : rows(images.dim(2)), columns(images.dim(3)) {}
  int64_t size() const { return rows * columns; }
  int64_t rows, columns;
};

/// The shape of the op's first result, with the rows of the input.
inline llvm::SmallVector<int64_t> getResultShape(mlir::Operation *op, const Tensor &input) {
  llvm::SmallVector<int64_t> shape(getTensorType(op->getResult(0)).getShape());
  shape[0] = input.dim(0);
  return shape;
}

/// Calls fn(window, pixel, count) for runs of windows, one a column, whose place (i, j) is inside
/// the image: windows `window + k` have pixels `pixel + k * stride`, k < count.
template <typename Fn>
void forEachRun(const WindowAxes &axes, int64_t i, int64_t j, Extent image, Extent windows, Fn fn) {
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

/// Calls fn(window channel, image channel, element of the weight, i, j), channels numbered through
/// all images, for each element of the weight, of shape `weight`, of a convolution from images to
/// windows.
template <typename Fn>
void forEachFilter(llvm::ArrayRef<int64_t> weight, int64_t images, int64_t groups, Fn fn) {
  int64_t filters = weight[0], depth = weight[1], perGroup = filters / groups;
  for (int64_t n = 0; n < images; ++n)
    for (int64_t o = 0, element = 0; o < filters; ++o)
      for (int64_t c = 0; c < depth; ++c)
        for (int64_t i = 0; i < weight[2]; ++i)
          for (int64_t j = 0; j < weight[3]; ++j)
            fn(n * filters + o, n * depth * groups + o / perGroup * depth + c, element++, i, j);
}

/// Calls fn(window, pixels, count) for each window of a pool, numbered through all channels and
/// images; pixels are those inside the image, rows first, numbered likewise, and an average divides
/// by `count`.
template <typename Op, typename Fn>
void forEachPooled(Op op, int64_t planes, Extent image, Extent windows, Fn fn) {
  auto [vertical, horizontal] = getWindowAxes(op);
  auto isWithin = [](int64_t place, int64_t size, const WindowAxis &axis, bool pads) {
    return place >= (pads ? -axis.padBefore : 0) && place < size + (pads ? axis.padAfter : 0);
  };
  llvm::SmallVector<int64_t> pixels;
  for (int64_t index = 0; index < planes * windows.size(); ++index) {
    int64_t plane = index / windows.size(), window = index % windows.size();
    int64_t top = window / windows.columns * vertical.stride - vertical.padBefore,
            left = window % windows.columns * horizontal.stride - horizontal.padBefore;
    int64_t count = 0;
    pixels.clear();
    for (int64_t i = 0; i < vertical.size; ++i)
      for (int64_t j = 0; j < horizontal.size; ++j) {
        int64_t row = top + i * vertical.dilation, column = left + j * horizontal.dilation;
        count += isWithin(row, image.rows, vertical, op.getCountPads()) &&
                 isWithin(column, image.columns, horizontal, op.getCountPads());
        if (isWithin(row, image.rows, vertical, false) &&
            isWithin(column, image.columns, horizontal, false))
          pixels.push_back(plane * image.size() + row * image.columns + column);
      }
    fn(index, llvm::ArrayRef<int64_t>(pixels), count);
  }
}

/// Channels whose squares local response normalization adds up for channel `c`.
inline std::pair<int64_t, int64_t> getNeighbourChannels(int64_t c, int64_t size, int64_t channels) {
  return {std::max<int64_t>(c - (size - 1) / 2, 0), std::min(c + size / 2, channels - 1)};
}

/// How a resize maps the rows or columns of an image.
struct ResizeAxis {
  ResizeKind kind;
  ResizeCoordinates coordinates;
  ResizeRounding rounding;
  double scale;
};

/// An element of the resized is `(1 - weight) * image[before] + weight * image[after]`.
struct Neighbours {
  int64_t before, after;
  double weight;
};

/// Of each of `resized` elements that are made of `size`.
std::vector<Neighbours> getNeighbours(const ResizeAxis &axis, int64_t size, int64_t resized);

/// Calls fn(resized pixel, pixel, weight), numbered through all channels and images, for each part
/// of a pixel of the resized images.
template <typename Op, typename Fn>
void forEachPart(Op op, int64_t planes, Extent image, Extent resized, Fn fn) {
  auto getAxis = [&](unsigned i) {
    return ResizeAxis{op.getKind(), op.getCoordinates(), op.getRounding(), op.getScales()[i]};
  };
  std::vector<Neighbours> rows = getNeighbours(getAxis(0), image.rows, resized.rows),
                          columns = getNeighbours(getAxis(1), image.columns, resized.columns);
  int64_t index = 0;
  for (int64_t plane = 0; plane < planes; ++plane)
    for (const Neighbours &row : rows)
      for (const Neighbours &column : columns) {
        for (auto [y, down] : {std::pair(row.before, 1 - row.weight), {row.after, row.weight}})
          for (auto [x, across] :
               {std::pair(column.before, 1 - column.weight), {column.after, column.weight}})
            if (down * across != 0)
              fn(index, (plane * image.rows + y) * image.columns + x, down * across);
        ++index;
      }
}

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_IMAGES_H
