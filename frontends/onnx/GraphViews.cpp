//===- GraphViews.cpp - Reshaped, transposed, repeated values -------------===//
#include "frontends/onnx/GraphBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace nyala::onnx {

/// Appends to `group` dimensions of `shape` from `next` on while they are 1.
static void takeOnes(ArrayRef<int64_t> shape, int64_t &next, ReassociationIndices &group) {
  while (next < static_cast<int64_t>(shape.size()) && shape[next] == 1)
    group.push_back(next++);
}

// Groups of dimensions of both shapes that have as many elements, as small as they can be:
//   [1, 112, 56, 56] and [4, 28, 3136]   ->   {0, 1}, {2, 3} and {0, 1}, {2}
static void findGroups(ArrayRef<int64_t> from, ArrayRef<int64_t> to,
                       SmallVectorImpl<ReassociationIndices> &fromGroups,
                       SmallVectorImpl<ReassociationIndices> &toGroups,
                       SmallVectorImpl<int64_t> &sizes) {
  int64_t i = 0, j = 0;
  while (i < static_cast<int64_t>(from.size()) && j < static_cast<int64_t>(to.size())) {
    ReassociationIndices a{i}, b{j};
    int64_t left = from[i++], right = to[j++];
    while (left != right)
      if (left < right) {
        a.push_back(i);
        left *= from[i++];
      } else {
        b.push_back(j);
        right *= to[j++];
      }
    sizes.push_back(left);
    fromGroups.push_back(std::move(a));
    toGroups.push_back(std::move(b));
  }
  if (!sizes.empty()) {
    takeOnes(from, i, fromGroups.back());
    takeOnes(to, j, toGroups.back());
  }
}

Value GraphBuilder::reshape(Value value, ArrayRef<int64_t> shape) {
  RankedTensorType to = getTensor(shape, getElementType(value));
  ArrayRef<int64_t> from = getShape(value);
  if (countElements(from) != countElements(shape))
    fail("cannot give a tensor of shape " + formatShape(from) + " the shape " + formatShape(shape) +
         ": expected as many elements");
  if (from == shape)
    return value;
  SmallVector<ReassociationIndices> fromGroups, toGroups;
  SmallVector<int64_t> sizes;
  findGroups(from, shape, fromGroups, toGroups, sizes);
  if (sizes.size() < from.size())
    value = create<tensor::CollapseShapeOp>(to.clone(sizes), value, fromGroups);
  if (sizes.size() < shape.size())
    value = create<tensor::ExpandShapeOp>(to, value, toGroups);
  return value;
}

Value GraphBuilder::toMatrix(Value value, unsigned axis) {
  ArrayRef<int64_t> shape = getShape(value);
  return reshape(value,
                 {*countElements(shape.take_front(axis)), *countElements(shape.drop_front(axis))});
}

Value GraphBuilder::transpose(Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(permutation.size())))
    return value;
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation)
    shape.push_back(getShape(value)[dim]);
  Value empty = create<tensor::EmptyOp>(shape, getElementType(value));
  return create<linalg::TransposeOp>(value, empty, permutation);
}

Value GraphBuilder::broadcast(Value value, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> from = getShape(value);
  getTensor(shape, getElementType(value)); // not too large
  SmallVector<int64_t> kept, added;
  bool fits = from.size() <= shape.size();
  for (auto [dim, size] : llvm::enumerate(shape)) {
    size_t missing = shape.size() - from.size();
    int64_t own = fits && dim >= missing ? from[dim - missing] : 1;
    if (own == size)
      kept.push_back(size);
    else
      added.push_back(static_cast<int64_t>(dim));
    fits &= own == size || own == 1;
  }
  if (!fits)
    fail("cannot broadcast a tensor of shape " + formatShape(from) + " to " + formatShape(shape));
  if (added.empty())
    return reshape(value, shape);
  Value empty = create<tensor::EmptyOp>(shape, getElementType(value));
  return create<linalg::BroadcastOp>(reshape(value, kept), empty, added);
}

Value GraphBuilder::slice(Value value, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                          ArrayRef<int64_t> strides) {
  if (getShape(value) == sizes)
    return value;
  RankedTensorType type = getTensor(sizes, getElementType(value));
  auto attributes = [&](ArrayRef<int64_t> values) {
    return getAsIndexOpFoldResult(builder.getContext(), values);
  };
  return create<tensor::ExtractSliceOp>(type, value, attributes(offsets), attributes(sizes),
                                        attributes(strides));
}

} // namespace nyala::onnx
