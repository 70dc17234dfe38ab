//===- ImageNodes.h - What nodes on images share ----------------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_ONNX_IMAGENODES_H
#define NYALA_FRONTENDS_ONNX_IMAGENODES_H

#include "frontends/onnx/Node.h"
#include "ir/ConvolutionOps.h"

namespace nyala::onnx {

/// An input with one or two dimensions behind images and channels. Where there is one, the op sees
/// images of one row.
class Images {
public:
  explicit Images(Node &node);

  mlir::Value getValue() const { return value; }
  llvm::ArrayRef<int64_t> getShape() const { return onnx::getShape(value); }
  /// 1 or 2.
  size_t getRank() const { return rank; }
  /// The node's output, from images.
  void setOutput(mlir::Value images) const;

private:
  Node &node;
  mlir::Value value;
  size_t rank;
};

/// Attributes of windows: kernel_shape, strides, pads, dilations, auto_pad. Rows first.
class Window {
public:
  /// Reads those that do not depend on sizes. `kernel` is what the weight has, if there is one,
  /// else that of the attribute.
  Window(Node &node, const Images &images, std::optional<llvm::ArrayRef<int64_t>> kernel);

  WindowAxes &getAxes() { return axes; }
  /// Sets pads: as stated, or so that windows over images of these sizes are as many as auto_pad
  /// asks for. Throws if no window fits.
  void placeOver(llvm::ArrayRef<int64_t> sizes);
  /// The number of windows, rows first.
  llvm::SmallVector<int64_t> getCounts(llvm::ArrayRef<int64_t> sizes, bool cut = false) const;

  bool isSame() const { return llvm::StringRef(automatic).starts_with("SAME"); }
  bool isUpper() const { return automatic != "SAME_LOWER"; }

  llvm::SmallVector<int64_t> getSizes() const { return collect(&WindowAxis::size); }
  llvm::SmallVector<int64_t> getStrides() const { return collect(&WindowAxis::stride); }
  llvm::SmallVector<int64_t> getDilations() const { return collect(&WindowAxis::dilation); }
  llvm::SmallVector<int64_t> getPads() const {
    llvm::SmallVector<int64_t> pads = collect(&WindowAxis::padBefore);
    pads.append(collect(&WindowAxis::padAfter));
    return pads;
  }
  /// Adds `total` pads to an axis, the odd one where auto_pad says.
  void split(WindowAxis &axis, int64_t total) const;

  /// Numbers of an attribute, one for each axis or `perAxis`; the one of rows is `ofRow` where
  /// images have one row. Throws unless they are `least` to kMaxWindow.
  std::optional<llvm::SmallVector<int64_t>> findNumbers(llvm::StringRef name, int64_t ofRow,
                                                        int64_t least, size_t perAxis = 1);

private:
  llvm::SmallVector<int64_t> collect(int64_t WindowAxis::*member) const {
    return {axes[0].*member, axes[1].*member};
  }

  Node &node;
  size_t rank;
  WindowAxes axes;
  std::string automatic;
};

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_IMAGENODES_H
