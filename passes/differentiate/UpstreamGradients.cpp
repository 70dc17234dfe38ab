//===- UpstreamGradients.cpp - Gradients of arith and math ops ------------===//
//
// g is the gradient with respect to the result, r the result.
//
//===----------------------------------------------------------------------===//
#include "passes/differentiate/GradientBuilder.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

#include <numbers>

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// arith
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(arith::AddFOp op, GradientBuilder &b) {
  for (OpOperand &operand : op->getOpOperands())
    if (b.needs(operand))
      b.set(operand, b.getGradient());
  return success();
}

static LogicalResult differentiate(arith::SubFOp op, GradientBuilder &b) {
  if (b.needs(op.getLhsMutable()))
    b.set(op.getLhsMutable(), b.getGradient());
  if (b.needs(op.getRhsMutable()))
    b.set(op.getRhsMutable(), b.create<arith::NegFOp>(b.getGradient()));
  return success();
}

static LogicalResult differentiate(arith::MulFOp op, GradientBuilder &b) {
  if (b.needs(op.getLhsMutable()))
    b.set(op.getLhsMutable(), b.create<arith::MulFOp>(b.getGradient(), op.getRhs()));
  if (b.needs(op.getRhsMutable()))
    b.set(op.getRhsMutable(), b.create<arith::MulFOp>(b.getGradient(), op.getLhs()));
  return success();
}

// r = x / y        dx = g / y        dy = -(g / y) * r
static LogicalResult differentiate(arith::DivFOp op, GradientBuilder &b) {
  Value quotient = b.create<arith::DivFOp>(b.getGradient(), op.getRhs());
  if (b.needs(op.getLhsMutable()))
    b.set(op.getLhsMutable(), quotient);
  if (b.needs(op.getRhsMutable())) {
    Value product = b.create<arith::MulFOp>(quotient, op.getResult());
    b.set(op.getRhsMutable(), b.create<arith::NegFOp>(product));
  }
  return success();
}

static LogicalResult differentiate(arith::NegFOp op, GradientBuilder &b) {
  if (b.needs(op.getOperandMutable()))
    b.set(op.getOperandMutable(), b.create<arith::NegFOp>(b.getGradient()));
  return success();
}

/// g where `condition` holds goes to the first operand, elsewhere to the second.
static LogicalResult choose(GradientBuilder &b, Value condition, OpOperand &first,
                            OpOperand &second) {
  FailureOr<Value> zeros = b.makeSplat(b.getGradient().getType(), 0);
  if (failed(zeros))
    return failure();
  if (b.needs(first))
    b.set(first, b.create<arith::SelectOp>(condition, b.getGradient(), *zeros));
  if (b.needs(second))
    b.set(second, b.create<arith::SelectOp>(condition, *zeros, b.getGradient()));
  return success();
}

static LogicalResult differentiate(arith::SelectOp op, GradientBuilder &b) {
  return choose(b, op.getCondition(), op.getTrueValueMutable(), op.getFalseValueMutable());
}

// Equal operands: the first one's, as good as any. Beside a constant the result tells as well as
// the operand, which then need not be kept.
template <typename Op, arith::CmpFPredicate firstWins, arith::CmpFPredicate isBeyond>
static LogicalResult differentiateExtremum(Op op, GradientBuilder &b) {
  OpOperand &first = op.getLhsMutable(), &second = op.getRhsMutable();
  if (matchPattern(second.get(), m_Constant()))
    return choose(b, b.create<arith::CmpFOp>(isBeyond, op.getResult(), second.get()), first,
                  second);
  if (matchPattern(first.get(), m_Constant()))
    return choose(b, b.create<arith::CmpFOp>(isBeyond, op.getResult(), first.get()), second, first);
  return choose(b, b.create<arith::CmpFOp>(firstWins, first.get(), second.get()), first, second);
}

template <typename Op> static LogicalResult differentiateConversion(Op op, GradientBuilder &b) {
  if (b.needs(op.getInMutable()))
    b.set(op.getInMutable(),
          b.convert(b.getGradient(), getElementTypeOrSelf(op.getIn().getType())));
  return success();
}

void nyala::attachArithGradients(MLIRContext *context) {
  using P = arith::CmpFPredicate;
  attachGradient<arith::AddFOp, differentiate>(context);
  attachGradient<arith::SubFOp, differentiate>(context);
  attachGradient<arith::MulFOp, differentiate>(context);
  attachGradient<arith::DivFOp, differentiate>(context);
  attachGradient<arith::NegFOp, differentiate>(context);
  attachGradient<arith::SelectOp, differentiate>(context);
  attachGradient<arith::MaximumFOp, differentiateExtremum<arith::MaximumFOp, P::OGE, P::OGT>>(
      context);
  attachGradient<arith::MinimumFOp, differentiateExtremum<arith::MinimumFOp, P::OLE, P::OLT>>(
      context);
  attachGradient<arith::TruncFOp, differentiateConversion<arith::TruncFOp>>(context);
  attachGradient<arith::ExtFOp, differentiateConversion<arith::ExtFOp>>(context);
}

//===----------------------------------------------------------------------===//
// math
//===----------------------------------------------------------------------===//

// dx = g * r
static Value scale(math::ExpOp op, GradientBuilder &b) {
  return b.create<arith::MulFOp>(b.getGradient(), op.getResult());
}

// dx = g / x
static Value scale(math::LogOp op, GradientBuilder &b) {
  return b.create<arith::DivFOp>(b.getGradient(), op.getOperand());
}

// dx = g / (2 r)
static Value scale(math::SqrtOp op, GradientBuilder &b) {
  Value twice = b.create<arith::AddFOp>(op.getResult(), op.getResult());
  return b.create<arith::DivFOp>(b.getGradient(), twice);
}

// dx = -g r / (2 x)
static Value scale(math::RsqrtOp op, GradientBuilder &b) {
  Value twice = b.create<arith::AddFOp>(op.getOperand(), op.getOperand());
  Value product = b.create<arith::MulFOp>(b.getGradient(), op.getResult());
  Value quotient = b.create<arith::DivFOp>(product, twice);
  return b.create<arith::NegFOp>(quotient);
}

// dx = g - g r^2
static Value scale(math::TanhOp op, GradientBuilder &b) {
  Value square = b.create<arith::MulFOp>(op.getResult(), op.getResult());
  Value product = b.create<arith::MulFOp>(b.getGradient(), square);
  return b.create<arith::SubFOp>(b.getGradient(), product);
}

// dx = g / (1 + x)
static Value scale(math::Log1pOp op, GradientBuilder &b) {
  Value shifted = b.create<arith::AddFOp>(op.getOperand(), b.splatLike(op.getOperand(), 1));
  return b.create<arith::DivFOp>(b.getGradient(), shifted);
}

// dx = g 2 / sqrt(pi) exp(-x^2)
static Value scale(math::ErfOp op, GradientBuilder &b) {
  Value square = b.create<arith::MulFOp>(op.getOperand(), op.getOperand());
  Value bell = b.create<math::ExpOp>(b.create<arith::NegFOp>(square).getResult());
  Value factor = b.splatLike(op.getOperand(), 2 * std::numbers::inv_sqrtpi);
  return b.create<arith::MulFOp>(b.getGradient(), b.create<arith::MulFOp>(bell, factor));
}

// dx = g sign(x). The sign of 0 is 1, with which log(1 + exp(x)) by |x| has its gradient there.
static Value scale(math::AbsFOp op, GradientBuilder &b) {
  Value negative = b.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, op.getOperand(),
                                           b.splatLike(op.getOperand(), 0));
  Value negated = b.create<arith::NegFOp>(b.getGradient());
  return b.create<arith::SelectOp>(negative, negated, b.getGradient());
}

// dx = g cos(x)
static Value scale(math::SinOp op, GradientBuilder &b) {
  return b.create<arith::MulFOp>(b.getGradient(), b.create<math::CosOp>(op.getOperand()));
}

// dx = -g sin(x)
static Value scale(math::CosOp op, GradientBuilder &b) {
  Value sine = b.create<math::SinOp>(op.getOperand());
  return b.create<arith::MulFOp>(b.create<arith::NegFOp>(b.getGradient()).getResult(), sine);
}

// Constant but for steps: dx = 0.
template <typename Op> static LogicalResult differentiateSteps(Op, GradientBuilder &) {
  return success();
}

// r = x^y        dx = g y x^(y-1)        dy = g r log(x), 0 where x = 0
static LogicalResult differentiate(math::PowFOp op, GradientBuilder &b) {
  if (failed(b.expectStatic(op.getResult())))
    return failure();
  Value base = op.getLhs(), exponent = op.getRhs();
  if (b.needs(op.getLhsMutable())) {
    Value less = b.create<arith::SubFOp>(exponent, b.splatLike(exponent, 1));
    Value power = b.create<arith::MulFOp>(exponent, b.create<math::PowFOp>(base, less));
    b.set(op.getLhsMutable(), b.create<arith::MulFOp>(b.getGradient(), power));
  }
  if (b.needs(op.getRhsMutable())) {
    Value zeros = b.splatLike(base, 0);
    Value isZero = b.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, base, zeros);
    Value product = b.create<arith::MulFOp>(op.getResult(), b.create<math::LogOp>(base));
    b.set(op.getRhsMutable(),
          b.create<arith::MulFOp>(b.getGradient(),
                                  b.create<arith::SelectOp>(isZero, zeros, product)));
  }
  return success();
}

/// Does scale(Op) ask for constants of the operand's shape?
template <typename Op>
static constexpr bool usesConstants =
    llvm::is_one_of<Op, math::Log1pOp, math::ErfOp, math::AbsFOp>::value;

template <typename Op> static LogicalResult differentiateUnary(Op op, GradientBuilder &b) {
  OpOperand &operand = op->getOpOperand(0);
  if (!b.needs(operand))
    return success();
  if (usesConstants<Op> && failed(b.expectStatic(operand.get())))
    return failure();
  b.set(operand, scale(op, b));
  return success();
}

void nyala::attachMathGradients(MLIRContext *context) {
  attachGradient<math::ExpOp, differentiateUnary<math::ExpOp>>(context);
  attachGradient<math::LogOp, differentiateUnary<math::LogOp>>(context);
  attachGradient<math::SqrtOp, differentiateUnary<math::SqrtOp>>(context);
  attachGradient<math::RsqrtOp, differentiateUnary<math::RsqrtOp>>(context);
  attachGradient<math::TanhOp, differentiateUnary<math::TanhOp>>(context);
  attachGradient<math::Log1pOp, differentiateUnary<math::Log1pOp>>(context);
  attachGradient<math::ErfOp, differentiateUnary<math::ErfOp>>(context);
  attachGradient<math::AbsFOp, differentiateUnary<math::AbsFOp>>(context);
  attachGradient<math::SinOp, differentiateUnary<math::SinOp>>(context);
  attachGradient<math::CosOp, differentiateUnary<math::CosOp>>(context);
  attachGradient<math::FloorOp, differentiateSteps<math::FloorOp>>(context);
  attachGradient<math::CeilOp, differentiateSteps<math::CeilOp>>(context);
  attachGradient<math::PowFOp, differentiate>(context);
}
