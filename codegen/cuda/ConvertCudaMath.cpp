//===- ConvertCudaMath.cpp - Functions that are instructions of a GPU -----===//
#include "codegen/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/DialectConversion.h"

namespace nyala {
#define GEN_PASS_DEF_CONVERTCUDAMATH
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;

namespace {
struct ConvertCudaMath : nyala::impl::ConvertCudaMathBase<ConvertCudaMath> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    LLVMTypeConverter converter(context);
    RewritePatternSet patterns(context);
    populateMathToLLVMConversionPatterns(converter, patterns);
    ConversionTarget target(*context);
    target.addLegalDialect<LLVM::LLVMDialect>();
    target.addLegalDialect<math::MathDialect>();
    target.addIllegalOp<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp,
                        math::CountLeadingZerosOp, math::CountTrailingZerosOp, math::CtPopOp,
                        math::Exp2Op, math::FloorOp, math::FmaOp, math::RoundEvenOp, math::RsqrtOp,
                        math::SqrtOp, math::TruncOp>();
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();

    getOperation()->walk([&](Operation *op) {
      if (!isa_and_nonnull<math::MathDialect>(op->getDialect()))
        return;
      op->emitOpError(
          "is no instruction of a GPU, and kernels are linked with no library; expected "
          "it to be expressed by others, such as math.exp2 and math.fma");
      signalPassFailure();
    });
  }
};
} // namespace
