//===- ConvolutionNodes.cpp - Convolutions, pooling, resizing -------------===//
#include "frontends/onnx/ImageNodes.h"
#include "ir/storage/Error.h"

#include <cmath>

using namespace mlir;

namespace nyala::onnx {
namespace {

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

/// A convolution's weight with filters of two dimensions.
Value getFilters(Node &node, const Images &images) {
  Value weight = node.getFloats(1);
  SmallVector<int64_t> shape(getShape(weight));
  if (shape.size() != images.getRank() + 2)
    node.fail("has a weight of shape " + formatShape(shape) + ", expected " +
              Twine(images.getRank() + 2) + " dimensions");
  if (images.getRank() == 1)
    shape.insert(shape.begin() + 2, 1);
  return node.getGraph().reshape(weight, shape);
}

int64_t getGroups(Node &node, ArrayRef<int64_t> weight) {
  int64_t groups = node.getInteger("group", 1);
  if (groups < 1 || weight[0] % groups != 0)
    node.fail("has " + Twine(groups) + " groups, expected a divisor of the " + Twine(weight[0]) +
              " filters");
  return groups;
}

void expectChannels(Node &node, int64_t expected, int64_t actual) {
  if (expected != actual)
    node.fail("has images of " + Twine(actual) + " channels, expected " + Twine(expected) +
              " from the weight");
}

Value getBias(Node &node, int64_t channels) {
  if (!node.hasInput(2))
    return {};
  Value bias = node.getFloats(2);
  if (getShape(bias) != ArrayRef(channels))
    node.fail("has a bias of shape " + formatShape(getShape(bias)) + ", expected " +
              formatShape(channels));
  return bias;
}

void buildConvolution(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Images images(node);
  Value weight = getFilters(node, images), input = images.getValue();
  ArrayRef<int64_t> filters = getShape(weight), sizes = images.getShape().drop_front(2);
  int64_t groups = getGroups(node, filters);
  expectChannels(node, filters[1] * groups, images.getShape()[1]);
  Window window(node, images, filters.drop_front(2));
  window.placeOver(sizes);
  SmallVector<int64_t> shape{images.getShape()[0], filters[0]};
  shape.append(window.getCounts(sizes));
  images.setOutput(graph.create<ConvolutionOp>(
      graph.getFloats(shape), input, weight, getBias(node, filters[0]), window.getStrides(),
      window.getPads(), window.getDilations(), static_cast<uint64_t>(groups)));
}

/// Sizes of a transposed convolution's result, which determine pads, or the other way round.
SmallVector<int64_t> placeTransposed(Node &node, Window &window, ArrayRef<int64_t> sizes) {
  SmallVector<int64_t> zeros{0, 0};
  SmallVector<int64_t> extra = window.findNumbers("output_padding", 0, 0).value_or(zeros);
  std::optional<SmallVector<int64_t>> stated = window.findNumbers("output_shape", 1, 1);
  SmallVector<int64_t> results;
  for (auto [i, axis] : llvm::enumerate(window.getAxes())) {
    if (sizes[i] > kMaxWindow || extra[i] >= axis.stride)
      node.fail("has output_padding " + formatShape(extra) + ", expected less than the strides");
    int64_t whole = (sizes[i] - 1) * axis.stride + axis.getExtent() + extra[i];
    if (stated || window.isSame()) {
      results.push_back(stated ? (*stated)[i] : sizes[i] * axis.stride);
      window.split(axis, std::max<int64_t>(whole - results[i], 0));
    } else {
      results.push_back(whole - axis.padBefore - axis.padAfter);
    }
    if (results[i] < 1 || results[i] > kMaxWindow || axis.getCount(results[i]) != sizes[i])
      node.fail("gives images of " + Twine(results[i]) +
                " rows or columns, of which a convolution " + "does not give the input's " +
                Twine(sizes[i]));
  }
  return results;
}

void buildTransposedConvolution(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Images images(node);
  Value weight = getFilters(node, images), input = images.getValue();
  ArrayRef<int64_t> filters = getShape(weight);
  int64_t groups = getGroups(node, filters);
  expectChannels(node, filters[0], images.getShape()[1]);
  Window window(node, images, filters.drop_front(2));
  SmallVector<int64_t> shape{images.getShape()[0], filters[1] * groups};
  shape.append(placeTransposed(node, window, images.getShape().drop_front(2)));
  images.setOutput(graph.create<TransposedConvolutionOp>(
      graph.getFloats(shape), input, weight, getBias(node, shape[1]), window.getStrides(),
      window.getPads(), window.getDilations(), static_cast<uint64_t>(groups)));
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

template <PoolKind kind> void buildPool(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Images images(node);
  Window window(node, images, std::nullopt);
  ArrayRef<int64_t> sizes = images.getShape().drop_front(2);
  window.placeOver(sizes);
  for (const WindowAxis &axis : window.getAxes())
    if (std::max(axis.padBefore, axis.padAfter) >= axis.getExtent())
      node.fail("has pads as large as the window");
  node.ignore({"storage_order"}); // of the second output
  bool countPads = kind == PoolKind::Average && node.getInteger("count_include_pad", 0) != 0;
  bool cut = node.getInteger("ceil_mode", 0) != 0;
  SmallVector<int64_t> shape(images.getShape().take_front(2));
  shape.append(window.getCounts(sizes, cut));
  images.setOutput(graph.create<PoolOp>(graph.getFloats(shape), kind, images.getValue(),
                                        window.getSizes(), window.getStrides(), window.getPads(),
                                        window.getDilations(), countPads));
}

// One window, as large as the image.
template <PoolKind kind> void buildGlobalPool(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Images images(node);
  SmallVector<int64_t> shape(images.getShape().take_front(2));
  shape.append({1, 1});
  images.setOutput(graph.create<PoolOp>(graph.getFloats(shape), kind, images.getValue(),
                                        images.getShape().drop_front(2), ArrayRef<int64_t>{1, 1},
                                        ArrayRef<int64_t>{0, 0, 0, 0}, ArrayRef<int64_t>{1, 1},
                                        /*count_pads=*/false));
}

//===----------------------------------------------------------------------===//
// Resizing
//===----------------------------------------------------------------------===//

template <typename Enum>
Enum choose(Node &node, StringRef attribute, StringRef otherwise,
            ArrayRef<std::pair<StringRef, Enum>> table) {
  std::string value = node.getString(attribute, otherwise);
  for (auto [name, result] : table)
    if (value == name)
      return result;
  node.fail("has " + attribute + " " + quote(value) + ", which is not supported");
}

/// Scales of all dimensions, and sizes of the result.
struct Scales {
  SmallVector<double> scales;
  SmallVector<int64_t> sizes;
};

Scales readScales(Node &node, ArrayRef<int64_t> shape) {
  unsigned scalesInput = node.getOpset() >= 11 ? 2 : 1;
  Scales result;
  auto expectRank = [&](size_t count, StringRef what) {
    if (count != shape.size())
      node.fail("has " + Twine(count) + " " + what + ", expected one for each of " +
                Twine(shape.size()) + " dimensions");
  };
  if (node.getOpset() >= 11 && node.hasInput(3)) {
    std::vector<int64_t> sizes = node.getIntegers(3, "sizes");
    expectRank(sizes.size(), "sizes");
    for (auto [from, to] : llvm::zip(shape, sizes))
      result.scales.push_back(static_cast<double>(to) / static_cast<double>(from));
    result.sizes.assign(sizes.begin(), sizes.end());
    return result;
  }
  std::vector<double> scales;
  if (std::optional<std::vector<double>> attribute = node.findNumbers("scales")) {
    scales = *attribute; // Upsample of opset 7
  } else {
    Literal literal = node.getLiteral(scalesInput, "scales");
    if (literal.kind != ElementKind::Float)
      node.fail("has scales of integers, expected floats");
    scales = literal.floats;
  }
  expectRank(scales.size(), "scales");
  for (auto [from, scale] : llvm::zip(shape, scales)) {
    if (!(scale > 1e-6 && scale < 1e6))
      node.fail("has a scale of " + Twine(std::to_string(scale)) + ", expected a positive one");
    result.scales.push_back(scale);
    result.sizes.push_back(static_cast<int64_t>(std::floor(static_cast<double>(from) * scale)));
  }
  return result;
}

void buildResize(Node &node) {
  bool upsample = node.getType() == "Upsample" || node.getOpset() == 10;
  GraphBuilder &graph = node.getGraph();
  Images images(node);
  ArrayRef<int64_t> shape = getShape(node.getInput(0));
  auto kind = choose<ResizeKind>(node, "mode", "nearest",
                                 {{"nearest", ResizeKind::Nearest},
                                  {"linear", ResizeKind::Linear},
                                  {"bilinear", ResizeKind::Linear}});
  auto coordinates = choose<ResizeCoordinates>(
      node, "coordinate_transformation_mode", upsample ? "asymmetric" : "half_pixel",
      {{"half_pixel", ResizeCoordinates::HalfPixel},
       {"pytorch_half_pixel", ResizeCoordinates::PytorchHalfPixel},
       {"align_corners", ResizeCoordinates::AlignCorners},
       {"asymmetric", ResizeCoordinates::Asymmetric}});
  auto rounding =
      choose<ResizeRounding>(node, "nearest_mode", upsample ? "floor" : "round_prefer_floor",
                             {{"round_prefer_floor", ResizeRounding::HalfDown},
                              {"round_prefer_ceil", ResizeRounding::HalfUp},
                              {"floor", ResizeRounding::Floor},
                              {"ceil", ResizeRounding::Ceil}});
  node.expectInteger("antialias", 0);
  node.ignore({"cubic_coeff_a", "exclude_outside", "extrapolation_value"}); // of other modes
  if (node.hasAttribute("axes"))
    node.fail("has attribute 'axes', which is not supported");
  choose<bool>(node, "keep_aspect_ratio_policy", "stretch", {{"stretch", true}});
  auto [scales, sizes] = readScales(node, shape);
  if (sizes[0] != shape[0] || sizes[1] != shape[1])
    node.fail("changes the number of images or channels, which is not supported");
  if (images.getRank() == 1) {
    scales.insert(scales.begin() + 2, 1);
    sizes.insert(sizes.begin() + 2, 1);
  }
  for (int64_t size : sizes)
    if (size < 1 || size > kMaxWindow)
      node.fail("gives images of " + Twine(size) + " rows or columns");
  images.setOutput(graph.create<ResizeOp>(graph.getFloats(sizes), kind, images.getValue(),
                                          coordinates, rounding, ArrayRef(scales).drop_front(2)));
}

// [N, C b^2, H, W] -> [N, b, b, C, H, W] (DCR) or [N, C, b, b, H, W] (CRD) -> [N, C, H b, W b]
void buildDepthToSpace(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value value = node.getFloats(0, 4);
  ArrayRef<int64_t> shape = getShape(value);
  int64_t block = node.getInteger("blocksize", 0);
  if (shape.size() != 4 || block < 1 || block > kMaxWindow || shape[1] % (block * block) != 0)
    node.fail("has blocksize " + Twine(block) + " of a tensor of shape " + formatShape(shape) +
              ", expected a divisor of the channels of images");
  bool depthFirst = choose<bool>(node, "mode", "DCR", {{"DCR", true}, {"CRD", false}});
  int64_t n = shape[0], c = shape[1] / (block * block), h = shape[2], w = shape[3];
  Value blocks = depthFirst ? graph.reshape(value, {n, block, block, c, h, w})
                            : graph.reshape(value, {n, c, block, block, h, w});
  blocks = graph.transpose(blocks, depthFirst ? ArrayRef<int64_t>{0, 3, 4, 1, 5, 2}
                                              : ArrayRef<int64_t>{0, 1, 4, 2, 5, 3});
  node.setOutput(graph.reshape(blocks, {n, c, h * block, w * block}));
}

} // namespace

void addConvolutions(NodeBuilders &builders) {
  builders["AveragePool"] = buildPool<PoolKind::Average>;
  builders["Conv"] = buildConvolution;
  builders["ConvTranspose"] = buildTransposedConvolution;
  builders["DepthToSpace"] = buildDepthToSpace;
  builders["GlobalAveragePool"] = buildGlobalPool<PoolKind::Average>;
  builders["GlobalMaxPool"] = buildGlobalPool<PoolKind::Max>;
  builders["MaxPool"] = buildPool<PoolKind::Max>;
  builders["Resize"] = buildResize;
  builders["Upsample"] = buildResize;
}

} // namespace nyala::onnx
