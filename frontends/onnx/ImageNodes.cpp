#include "frontends/onnx/ImageNodes.h"
#include "ir/storage/Error.h"

using namespace mlir;

namespace nyala::onnx {

Images::Images(Node &node) : node(node), value(node.getFloats(0, 3)) {
  ArrayRef<int64_t> shape = onnx::getShape(value);
  if (shape.size() > 4)
    node.fail("has input " + quote(node.getName(0)) + " of shape " + formatShape(shape) +
              ", expected one or two dimensions behind images and channels");
  rank = shape.size() - 2;
  if (rank == 1)
    value = node.getGraph().reshape(value, {shape[0], shape[1], 1, shape[2]});
}

void Images::setOutput(Value images) const {
  ArrayRef<int64_t> shape = onnx::getShape(images);
  if (rank == 1)
    images = node.getGraph().reshape(images, {shape[0], shape[1], shape[3]});
  node.setOutput(images);
}

Window::Window(Node &node, const Images &images, std::optional<ArrayRef<int64_t>> kernel)
    : node(node), rank(images.getRank()) {
  std::optional<SmallVector<int64_t>> stated = findNumbers("kernel_shape", 1, 1);
  if (kernel && stated && *kernel != ArrayRef(*stated))
    node.fail("has kernels of shape " + formatShape(*kernel) + ", but kernel_shape " +
              formatShape(*stated));
  if (!kernel && !stated)
    node.fail("has no attribute 'kernel_shape', which it needs");
  SmallVector<int64_t> sizes(kernel ? *kernel : ArrayRef(*stated));
  SmallVector<int64_t> ones{1, 1};
  SmallVector<int64_t> strides = findNumbers("strides", 1, 1).value_or(ones);
  SmallVector<int64_t> dilations = findNumbers("dilations", 1, 1).value_or(ones);
  for (auto [axis, size, stride, dilation] : llvm::zip_equal(axes, sizes, strides, dilations)) {
    if (size > kMaxWindow)
      node.fail("has kernels of shape " + formatShape(sizes) + ", which are too large");
    axis = {size, stride, dilation, 0, 0};
  }
  automatic = node.getString("auto_pad", "NOTSET");
  if (!llvm::is_contained({"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}, StringRef(automatic)))
    node.fail("has auto_pad " + quote(automatic) +
              ", expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  SmallVector<int64_t> zeros(4, 0);
  SmallVector<int64_t> pads = findNumbers("pads", 0, 0, 2).value_or(zeros);
  if (automatic != "NOTSET")
    pads = zeros;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    axis.padBefore = pads[i];
    axis.padAfter = pads[i + 2];
  }
}

std::optional<SmallVector<int64_t>> Window::findNumbers(StringRef name, int64_t ofRow,
                                                        int64_t least, size_t perAxis) {
  std::optional<std::vector<int64_t>> found = node.findIntegers(name);
  if (!found)
    return std::nullopt;
  if (found->size() != rank * perAxis ||
      llvm::any_of(*found, [&](int64_t value) { return value < least || value > kMaxWindow; }))
    node.fail("has " + name + " " + formatShape(*found) + ", expected " + Twine(rank * perAxis) +
              " numbers of at least " + Twine(least));
  SmallVector<int64_t> numbers;
  for (size_t i = 0; i < found->size(); ++i) {
    if (rank == 1)
      numbers.push_back(ofRow);
    numbers.push_back((*found)[i]);
  }
  return numbers;
}

void Window::split(WindowAxis &axis, int64_t total) const {
  int64_t less = total / 2;
  axis.padBefore = isUpper() ? less : total - less;
  axis.padAfter = total - axis.padBefore;
}

void Window::placeOver(ArrayRef<int64_t> sizes) {
  for (auto [axis, size] : llvm::zip_equal(axes, sizes)) {
    if (size > kMaxWindow)
      node.fail("has images of " + Twine(size) + " rows or columns, which is too many");
    if (isSame()) {
      int64_t count = llvm::divideCeil(size, axis.stride);
      split(axis, std::max<int64_t>((count - 1) * axis.stride + axis.getExtent() - size, 0));
    }
    if (axis.getCount(size) <= 0)
      node.fail("has a window of " + Twine(axis.getExtent()) + " rows or columns on images of " +
                Twine(size) + " with pads of " + Twine(axis.padBefore) + " and " +
                Twine(axis.padAfter) + ", expected one that fits");
  }
}

SmallVector<int64_t> Window::getCounts(ArrayRef<int64_t> sizes, bool cut) const {
  return {axes[0].getCount(sizes[0], cut), axes[1].getCount(sizes[1], cut)};
}

} // namespace nyala::onnx
