//===- ConvertCudaMath.cpp - Functions that are instructions of a GPU -----===//
#include "codegen/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

namespace nyala {
#define GEN_PASS_DEF_CONVERTCUDAMATH
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;

/// LLVM's intrinsic of a function that has an instruction, or two; empty of others.
static StringRef getIntrinsic(Operation *op) {
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("arith.maxnumf", "llvm.maxnum")
      .Case("arith.minnumf", "llvm.minnum")
      .Case("math.absf", "llvm.fabs")
      .Case("math.ceil", "llvm.ceil")
      .Case("math.copysign", "llvm.copysign")
      .Case("math.exp2", "llvm.exp2")
      .Case("math.floor", "llvm.floor")
      .Case("math.fma", "llvm.fma")
      .Case("math.roundeven", "llvm.roundeven")
      .Cases({"math.rsqrt", "math.sqrt"}, "llvm.sqrt")
      .Case("math.trunc", "llvm.trunc")
      .Default("");
}

/// Would upstream's conversion call the library for it?
static bool isFunction(Operation *op) {
  return isa<arith::MaxNumFOp, arith::MinNumFOp, arith::RemFOp>(op) ||
         (isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
          isa<FloatType>(getElementTypeOrSelf(op->getResult(0))));
}

/// %0 = math.fma %a, %b, %c : f32
///   → %0 = llvm.call_intrinsic "llvm.fma"(%a, %b, %c) : (f32, f32, f32) -> f32
/// %0 = math.rsqrt %x : f32
///   → %1 = llvm.call_intrinsic "llvm.sqrt"(%x) : (f32) -> f32
///     %0 = arith.divf %one, %1 : f32
/// A call, because to upstream's conversion LLVM's own ops stand for the library's functions too.
static void convert(Operation *op, StringRef intrinsic) {
  OpBuilder b(op);
  Location loc = op->getLoc();
  Type type = op->getResult(0).getType();
  Value result =
      LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(intrinsic), op->getOperands())
          .getResult(0);
  if (isa<math::RsqrtOp>(op)) {
    TypedAttr one = b.getFloatAttr(getElementTypeOrSelf(type), 1.0);
    if (auto vector = dyn_cast<VectorType>(type))
      one = DenseElementsAttr::get(vector, cast<Attribute>(one));
    result = arith::DivFOp::create(b, loc, arith::ConstantOp::create(b, loc, one), result);
  }
  op->replaceAllUsesWith(ValueRange(result));
  op->erase();
}

namespace {
struct ConvertCudaMath : nyala::impl::ConvertCudaMathBase<ConvertCudaMath> {
  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) {
      if (!isFunction(op))
        return;
      if (StringRef intrinsic = getIntrinsic(op); !intrinsic.empty())
        return convert(op, intrinsic);
      op->emitOpError(
          "is no instruction of a GPU, and kernels are linked with no library; expected "
          "it to be expressed by others, such as math.exp2 and math.fma");
      signalPassFailure();
    });
  }
};
} // namespace
