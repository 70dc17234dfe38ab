//===- GradientModels.h - Gradients of ops ----------------------*- C++ -*-===//
//
// External models of GradientOpInterface for ops of this dialect and of arith,
// linalg, math and tensor. Without one an op cannot be on the path from what is trained
// to the loss.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_DIFFERENTIATE_GRADIENTMODELS_H
#define NYALA_PASSES_DIFFERENTIATE_GRADIENTMODELS_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

namespace nyala {

void attachProductGradients(mlir::MLIRContext *context); // products, look-ups, sums over rows
void attachRowGradients(mlir::MLIRContext *context);     // norms, activations, rotations, losses
void attachImageGradients(mlir::MLIRContext *context);   // convolutions, pooling, norms of images
void attachArithGradients(mlir::MLIRContext *context);   // arith
void attachMathGradients(mlir::MLIRContext *context);    // math
void attachTensorGradients(mlir::MLIRContext *context);  // tensor
void attachLinalgGradients(mlir::MLIRContext *context);  // linalg: what frontends emit

/// All of the above, each when its dialect is loaded.
void registerGradientModels(mlir::DialectRegistry &registry);

} // namespace nyala

#endif // NYALA_PASSES_DIFFERENTIATE_GRADIENTMODELS_H
