//===- ConvolutionCostTest.cpp - FLOPs and bytes of images' ops -----------===//
#include "ir/ConvolutionOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace nyala;

namespace {

/// Of the first op of a function with images of 4 channels, 8 by 8, and a weight of 6 filters.
OpCost getCostOf(const std::string &op, const std::string &results = "%0") {
  MLIRContext context;
  context.loadDialect<NyalaDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                      tensor::TensorDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
      "func.func @f(%x: tensor<2x4x8x8xf32>, %w: tensor<6x4x3x3xf32>, %b: tensor<6xf32>, "
      "%y: tensor<2x6x6x6xf32>, %c: tensor<4xf32>, %m: tensor<4x8x8xf32>) {\n " +
          results + " = " + op + "\n return\n}",
      &context);
  EXPECT_TRUE(module);
  if (!module)
    return {};
  auto function = *module->getOps<func::FuncOp>().begin();
  return getCost(&function.getBody().front().front());
}

// An image is a row: 4 * 64 floats in, 6 * 36 out.
TEST(ConvolutionCost, Convolution) {
  OpCost cost = getCostOf("nyala.convolution %x, %w bias %b : tensor<2x4x8x8xf32>, "
                          "tensor<6x4x3x3xf32>, tensor<6xf32> -> tensor<2x6x6x6xf32>");
  EXPECT_EQ(cost.flopsPerRow, 6 * 36 * (2 * 4 * 9 + 1));
  EXPECT_EQ(cost.bytesPerRow, 4 * (4 * 64 + 6 * 36));
  EXPECT_EQ(cost.fixedBytes, 4 * (6 * 4 * 9 + 6));
}

TEST(ConvolutionCost, TransposedConvolution) {
  OpCost cost = getCostOf("nyala.transposed_convolution %y, %w : tensor<2x6x6x6xf32>, "
                          "tensor<6x4x3x3xf32> -> tensor<2x4x8x8xf32>");
  EXPECT_EQ(cost.flopsPerRow, 6 * 36 * 2 * 4 * 9);
  EXPECT_EQ(cost.bytesPerRow, 4 * (4 * 64 + 6 * 36));
}

TEST(ConvolutionCost, PoolAndNorm) {
  OpCost cost = getCostOf("nyala.pool max %x {window = array<i64: 2, 2>, strides = array<i64: 2, "
                          "2>} : tensor<2x4x8x8xf32> -> tensor<2x4x4x4xf32>");
  EXPECT_EQ(cost.flopsPerRow, 4 * 16 * 4);
  EXPECT_EQ(cost.bytesPerRow, 4 * (4 * 64 + 4 * 16));
  cost = getCostOf("nyala.batch_norm %x scale %c bias %c mean %c variance %c {epsilon = 1.0e-5 : "
                   "f32} : tensor<2x4x8x8xf32>, tensor<4xf32>");
  EXPECT_EQ(cost.flopsPerRow, 2 * 4 * 64);
  EXPECT_EQ(cost.fixedBytes, 4 * 4 * 4);
}

// A row of the weight is a filter: a sum over 2 images of 36 windows for each of 4 * 9 elements.
TEST(ConvolutionCost, WeightGradient) {
  OpCost cost = getCostOf("nyala.convolution_weight_gradient %y, %x : tensor<2x6x6x6xf32>, "
                          "tensor<2x4x8x8xf32> -> tensor<6x4x3x3xf32>");
  EXPECT_EQ(cost.flopsPerRow, 2 * (2 * 36) * (4 * 9));
  EXPECT_EQ(cost.fixedBytes, 4 * 2 * (6 * 36 + 4 * 64));
  EXPECT_EQ(cost.bytesPerRow, 4 * 4 * 9);
}

// A row of the sums is a channel's, of what each image gets from them an image.
TEST(ConvolutionCost, NormGradients) {
  OpCost cost = getCostOf("nyala.batch_norm_weight_gradient %x, %x mean %c variance %c {epsilon = "
                          "1.0e-5 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>",
                          "%0:2");
  EXPECT_EQ(cost.flopsPerRow, 4 * 2 * 64);
  EXPECT_EQ(cost.fixedBytes, 4 * 2 * 2 * 4 * 64);
  cost = getCostOf("nyala.batch_norm_gradient %x, %x scale %c mean %c variance %c sums %c, %c "
                   "{epsilon = 1.0e-5 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>");
  EXPECT_EQ(cost.flopsPerRow, 5 * 4 * 64);
  EXPECT_EQ(cost.bytesPerRow, 4 * 3 * 4 * 64);
  EXPECT_EQ(cost.fixedBytes, 4 * 5 * 4);
}

// A row is a product of matrices of 8 by 8; the gradient of one has the same cost.
TEST(ConvolutionCost, Products) {
  for (const char *maps :
       {"", "indexing_maps = [affine_map<(b, i, j, k) -> (b, i, k)>, affine_map<(b, i, j, k) -> "
            "(b, j, k)>, affine_map<(b, i, j, k) -> (b, i, j)>] "}) {
    OpCost cost = getCostOf("linalg.batch_matmul " + std::string(maps) +
                            "ins(%m, %m : tensor<4x8x8xf32>, tensor<4x8x8xf32>) outs(%m : "
                            "tensor<4x8x8xf32>) -> tensor<4x8x8xf32>");
    EXPECT_EQ(cost.flopsPerRow, 2 * 8 * 8 * 8);
    EXPECT_EQ(cost.fixedBytes, 4 * 2 * 4 * 64);
    EXPECT_EQ(cost.bytesPerRow, 4 * 64);
  }
}

// What only moves is read and written.
TEST(ConvolutionCost, Movement) {
  OpCost cost = getCostOf("tensor.concat dim(1) %x, %x : (tensor<2x4x8x8xf32>, "
                          "tensor<2x4x8x8xf32>) -> tensor<2x8x8x8xf32>");
  EXPECT_EQ(cost.fixedBytes, 2 * 4 * 2 * 8 * 64);
  EXPECT_EQ(cost.flopsPerRow + cost.bytesPerRow, 0);
  cost = getCostOf("tensor.extract_slice %x[0, 1, 0, 0] [2, 1, 8, 8] [1, 1, 1, 1] : "
                   "tensor<2x4x8x8xf32> to tensor<2x1x8x8xf32>");
  EXPECT_EQ(cost.fixedBytes, 2 * 4 * 2 * 64);
}

// Of any rank: a row is what the leading dimension has.
TEST(ConvolutionCost, Elementwise) {
  OpCost cost = getCostOf("arith.addf %x, %x : tensor<2x4x8x8xf32>");
  EXPECT_EQ(cost.flopsPerRow, 4 * 64);
  EXPECT_EQ(cost.bytesPerRow, 3 * 4 * 4 * 64);
  cost = getCostOf("arith.addf %c, %c : tensor<4xf32>");
  EXPECT_EQ(cost.flopsPerRow, 1);
}

} // namespace
