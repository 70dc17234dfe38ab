//===- GradientTest.cpp - Gradients beside finite differences -------------===//
//
// Each function of gradients.mlir gets a loss, the sum of its results times
// random numbers, is differentiated, and both are interpreted in f64.
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "ir/interfaces/GradientInterface.h"
#include "ir/reference/Interpreter.h"
#include "ir/reference/Random.h"
#include "passes/Passes.h"
#include "passes/States.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace nyala;
using reference::Tensor;

namespace {

// Of a difference both steps' errors: step^2 of what is neglected, 1e-16 / step of rounding.
constexpr double kStep = 1e-5, kRelative = 1e-6, kAbsolute = 1e-8;

class GradientTest : public ::testing::Test {
protected:
  GradientTest() {
    DialectRegistry registry;
    registry.insert<NyalaDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                    math::MathDialect, tensor::TensorDialect>();
    registerGradientModels(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    cases = parseSourceFile<ModuleOp>(NYALA_TEST_DIR "/unit/passes/gradients.mlir", &context);
  }

  /// A module of `function` alone, which returns its loss.
  OwningOpRef<ModuleOp> makeLoss(func::FuncOp function) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(function.getLoc());
    func::FuncOp clone = function.clone();
    module->push_back(clone);
    Operation *terminator = clone.getBody().front().getTerminator();
    OpBuilder builder(terminator);
    Location loc = function.getLoc();
    reference::RandomStream random(0, "loss");
    auto scalar = RankedTensorType::get({1, 1}, builder.getF32Type());
    Value loss;
    for (Value result : terminator->getOperands()) {
      RankedTensorType type = getTensorType(result);
      SmallVector<float> factors;
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        factors.push_back(static_cast<float>(random.normal()));
      Value factor = arith::ConstantOp::create(
          builder, loc, DenseElementsAttr::get(type, ArrayRef<float>(factors)));
      Value product = arith::MulFOp::create(builder, loc, result, factor);
      ReassociationIndices all = llvm::to_vector<2>(llvm::seq<int64_t>(type.getRank()));
      Value vector = tensor::CollapseShapeOp::create(builder, loc, product,
                                                     ArrayRef<ReassociationIndices>{all});
      Value row =
          tensor::ExpandShapeOp::create(builder, loc, type.clone({1, type.getNumElements()}),
                                        vector, ArrayRef<ReassociationIndices>{{0, 1}});
      Value sum = ReduceOp::create(builder, loc, scalar, ReduceKind::Sum, row);
      loss = loss ? arith::AddFOp::create(builder, loc, loss, sum).getResult() : sum;
    }
    terminator->setOperands(loss);
    updateFunctionType(clone);
    return module;
  }

  LogicalResult differentiate(ModuleOp module, func::FuncOp function) {
    std::string numbers;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      numbers += (i > 0 ? "," : "") + std::to_string(i);
    PassManager passes(&context);
    passes.addPass(createDifferentiate({function.getName().str(), numbers, /*train=*/""}));
    return passes.run(module);
  }

  static SmallVector<Tensor> makeArguments(func::FuncOp function) {
    SmallVector<Tensor> arguments;
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      reference::RandomStream random(1, std::to_string(i));
      arguments.emplace_back(cast<RankedTensorType>(type).getShape());
      for (double &value : arguments.back().mutableValues())
        value = random.normal();
    }
    return arguments;
  }

  static FailureOr<SmallVector<Tensor>> run(ModuleOp module, ArrayRef<Tensor> arguments) {
    reference::Interpreter interpreter({.precision = reference::Precision::F64});
    return interpreter.run(*module.getOps<func::FuncOp>().begin(), arguments);
  }

  /// (loss(x + step) - loss(x - step)) / (2 step) for element `i` of an argument.
  static double getDifference(ModuleOp module, SmallVector<Tensor> arguments, unsigned argument,
                              int64_t i) {
    double losses[2] = {};
    double value = arguments[argument][i];
    for (int side : {0, 1}) {
      arguments[argument].mutableValues()[i] = value + (side == 0 ? -kStep : kStep);
      losses[side] = (*run(module, arguments))[0][0];
    }
    return (losses[1] - losses[0]) / (2 * kStep);
  }

  /// How many elements of the gradients of `differentiated` are not those of `loss`.
  static unsigned countWrong(ModuleOp loss, ModuleOp differentiated, ArrayRef<Tensor> arguments) {
    FailureOr<SmallVector<Tensor>> results = run(differentiated, arguments);
    unsigned wrong = 0;
    for (unsigned argument = 0; argument < arguments.size(); ++argument) {
      const Tensor &gradient = (*results)[argument + 1];
      for (int64_t i = 0; i < gradient.size(); ++i) {
        double expected = getDifference(loss, SmallVector<Tensor>(arguments), argument, i);
        if (std::fabs(gradient[i] - expected) > kAbsolute + kRelative * std::fabs(expected))
          ++wrong;
      }
    }
    return wrong;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> cases;
};

TEST_F(GradientTest, AgreeWithFiniteDifferences) {
  ASSERT_TRUE(cases);
  for (auto function : cases->getOps<func::FuncOp>()) {
    SCOPED_TRACE(function.getName().str());
    OwningOpRef<ModuleOp> loss = makeLoss(function);
    OwningOpRef<ModuleOp> differentiated = loss->clone();
    ASSERT_TRUE(succeeded(differentiate(*differentiated, function)));
    EXPECT_EQ(countWrong(*loss, *differentiated, makeArguments(function)), 0u);
  }
}

TEST_F(GradientTest, EveryOpWithGradientIsCompared) {
  ASSERT_TRUE(cases);
  llvm::StringSet<> compared;
  cases->walk([&](Operation *op) { compared.insert(op->getName().getStringRef()); });
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (name.hasInterface<GradientOpInterface>())
      EXPECT_TRUE(compared.contains(name.getStringRef())) << name.getStringRef().str();
}

// The comparison can fail: gradients of another function.
TEST_F(GradientTest, WrongGradientsAreNoticed) {
  ASSERT_TRUE(cases);
  auto function = cases->lookupSymbol<func::FuncOp>("matmul_of_itself");
  OwningOpRef<ModuleOp> loss = makeLoss(function);
  OwningOpRef<ModuleOp> differentiated = loss->clone();
  ASSERT_TRUE(succeeded(differentiate(*differentiated, function)));
  differentiated->walk([](MatmulOp op) { op.setTransposeA(!op.getTransposeA()); });
  EXPECT_GT(countWrong(*loss, *differentiated, makeArguments(function)), 0u);
}

} // namespace
