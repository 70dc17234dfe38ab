//===- GradientBuilder.h - What gradients of ops are built with -*- C++ -*-===//
#ifndef NYALA_PASSES_DIFFERENTIATE_GRADIENTBUILDER_H
#define NYALA_PASSES_DIFFERENTIATE_GRADIENTBUILDER_H

#include "ir/NyalaOps.h"
#include "ir/interfaces/GradientInterface.h"

namespace nyala {

/// Builds the gradient of one op: what is given, what is asked for, and ops at the op's location.
class GradientBuilder {
public:
  GradientBuilder(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange gradients,
                  llvm::ArrayRef<bool> needed)
      : op(op), builder(builder), gradients(gradients), needed(needed),
        results(op->getNumOperands()) {}

  /// With respect to result `result`; null where the loss does not depend on it. That of an op with
  /// one result is given.
  mlir::Value getGradient(unsigned result = 0) const { return gradients[result]; }

  bool needs(mlir::OpOperand &operand) const { return needed[operand.getOperandNumber()]; }
  /// Sets the gradient with respect to an operand, of the operand's type.
  void set(mlir::OpOperand &operand, mlir::Value gradient) {
    results[operand.getOperandNumber()] = gradient;
  }
  llvm::SmallVector<mlir::Value> takeResults() { return std::move(results); }

  mlir::MLIRContext *getContext() const { return op->getContext(); }

  template <typename Op, typename... Args> Op create(Args &&...args) {
    return Op::create(builder, op->getLoc(), std::forward<Args>(args)...);
  }

  /// `value` with elements of `type`, a float; itself if it has them.
  mlir::Value convert(mlir::Value value, mlir::Type type);

  /// The same float in every element of `type`, a float or a tensor of floats. Emits an error at
  /// the op and fails if its shape is not static.
  mlir::FailureOr<mlir::Value> makeSplat(mlir::Type type, double value);

  /// Emits an error at the op and fails unless the shape of `value`, if it has one, is static.
  mlir::LogicalResult expectStatic(mlir::Value value);

  /// A constant of the type of `value`, whose shape is static.
  mlir::Value splatLike(mlir::Value value, double number);

  /// A view of `value`, of static shape, with another shape of as many elements.
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);

  /// Dimension i of the result is dimension `permutation[i]` of `value`, whose shape is static.
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);

  /// The sum over dimensions `dims`, which the result does not have, of static shape: the gradient
  /// of what was repeated along them. Nothing is copied but where they are between others.
  mlir::Value sumOver(mlir::Value value, llvm::ArrayRef<int64_t> dims);

  /// The sum over rows as a vector of type `vector`: the gradient of one that was added to every
  /// row.
  mlir::Value sumToVector(mlir::Value rows, mlir::RankedTensorType vector);

private:
  mlir::Operation *op;
  mlir::OpBuilder &builder;
  mlir::ValueRange gradients;
  llvm::ArrayRef<bool> needed;
  llvm::SmallVector<mlir::Value> results;
};

/// The sum of two gradients of one value: gradients of its slices, between zeros, that lie beside
/// each other are concatenated.
mlir::Value addGradients(mlir::OpBuilder &builder, mlir::Value sum, mlir::Value gradient);

/// The interface of Op by a function that sets the gradients of those operands that need one.
template <typename Op, mlir::LogicalResult (*differentiate)(Op, GradientBuilder &)>
struct GradientModel : GradientOpInterface::ExternalModel<GradientModel<Op, differentiate>, Op> {
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildGradient(mlir::Operation *op,
                                                                mlir::OpBuilder &builder,
                                                                mlir::ValueRange gradients,
                                                                llvm::ArrayRef<bool> needed) const {
    GradientBuilder gradient(op, builder, gradients, needed);
    if (mlir::failed(differentiate(mlir::cast<Op>(op), gradient)))
      return mlir::failure();
    return gradient.takeResults();
  }
};

template <typename Op, mlir::LogicalResult (*differentiate)(Op, GradientBuilder &)>
void attachGradient(mlir::MLIRContext *context) {
  Op::template attachInterface<GradientModel<Op, differentiate>>(*context);
}

} // namespace nyala

#endif // NYALA_PASSES_DIFFERENTIATE_GRADIENTBUILDER_H
