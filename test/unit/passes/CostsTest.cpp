//===- CostsTest.cpp - What running an op costs ---------------------------===//
#include "passes/remat/Costs.h"
#include "ir/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/JSON.h"

#include <gmock/gmock.h>

using namespace nyala;
using nyala::remat::Costs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

// A product whose FLOPs bind it, and a sum of two values that bytes bind.
constexpr char source[] = R"mlir(
  nyala.kernel @product(%a: tensor<64x512xf32>, %b: tensor<512x512xf32>) -> tensor<64x512xf32>
      attributes {max_rows = 64 : i64} {
    %0 = nyala.matmul %a, %b : tensor<64x512xf32>, tensor<512x512xf32> -> tensor<64x512xf32>
    nyala.return %0 : tensor<64x512xf32>
  }
  nyala.kernel @sum_17(%a: tensor<64x512xf32>, %b: tensor<64x512xf32>) -> tensor<64x512xf32>
      attributes {max_rows = 64 : i64} {
    %0 = arith.addf %a, %b : tensor<64x512xf32>
    %1 = arith.addf %0, %b : tensor<64x512xf32>
    nyala.return %1 : tensor<64x512xf32>
  }
  func.func @step(%a: tensor<64x512xf32>, %b: tensor<512x512xf32>) -> tensor<64x512xf32> {
    %rows = arith.constant 64 : index
    %0 = nyala.dispatch @product rows(%rows) (%a, %b) tied [-1]
        : (tensor<64x512xf32>, tensor<512x512xf32>) -> tensor<64x512xf32>
    %1 = nyala.dispatch @sum_17 rows(%rows) (%0, %a) tied [-1]
        : (tensor<64x512xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
    %2 = arith.mulf %1, %a : tensor<64x512xf32>
    %3 = tensor.concat dim(1) %2, %a : (tensor<64x512xf32>, tensor<64x512xf32>) -> tensor<64x1024xf32>
    func.return %2 : tensor<64x512xf32>
  }
)mlir";

constexpr double values = 64 * 512;
constexpr double productFlops = 2 * values * 512, sumBytes = 3 * 4 * values;

class CostsTest : public ::testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<NyalaDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect,
                        mlir::tensor::TensorDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    ASSERT_TRUE(module);
  }

  std::string getKey(llvm::StringRef kernel) {
    return getKernelKey(module->lookupSymbol<KernelOp>(kernel));
  }

  /// Of the two dispatches and the ops behind them; the last says nothing of its cost.
  std::vector<double> getSeconds(Costs &costs) {
    std::vector<double> seconds;
    module->walk([&](mlir::Operation *op) {
      if (llvm::isa<DispatchOp, mlir::arith::MulFOp, mlir::tensor::ConcatOp>(op))
        seconds.push_back(costs.getSeconds(op));
    });
    return seconds;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(CostsTest, KeysSurviveNamesAndGeneratedCode) {
  const std::string product = getKey("product"), sum = getKey("sum_17");
  EXPECT_THAT(product, StartsWith("matmul(64x512xf32,512x512xf32)->(64x512xf32)#"));
  EXPECT_THAT(sum, StartsWith("addf(64x512xf32,64x512xf32)->(64x512xf32)#"));
  auto kernel = module->lookupSymbol<KernelOp>("sum_17");
  kernel.setSymName("sum_3");
  kernel->setAttr("nyala.cost", mlir::UnitAttr::get(&context));
  EXPECT_EQ(getKey("sum_3"), sum);
  kernel.getBody().front().front().setOperand(0, kernel.getBody().getArgument(1));
  EXPECT_NE(getKey("sum_3"), sum); // the same ops and types
}

TEST_F(CostsTest, Roofline) {
  Costs costs;
  EXPECT_THAT(getSeconds(costs),
              ElementsAre(productFlops / Costs::kFlopsPerSecond, sumBytes / Costs::kBytesPerSecond,
                          sumBytes / Costs::kBytesPerSecond, 16 * values / Costs::kBytesPerSecond));
  EXPECT_TRUE(costs.getMissing().empty());
}

/// A file with times of the sum alone, 4 times what the roofline says.
std::string makeFile(const std::string &key, double seconds) {
  llvm::json::Object kernel{
      {"key", key}, {"calls", 3}, {"seconds", seconds}, {"bytes", sumBytes}, {"flops", 2 * values}};
  llvm::json::Object file{{"version", 1},
                          {"arch", "znver5"},
                          {"rest_seconds", 0.5},
                          {"kernels", llvm::json::Array{std::move(kernel)}}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(file));
  return text;
}

TEST_F(CostsTest, MeasuredAndMissing) {
  const double roofline = sumBytes / Costs::kBytesPerSecond;
  Costs costs = llvm::cantFail(Costs::parse(makeFile(getKey("sum_17"), 4 * roofline), "costs"));
  EXPECT_TRUE(costs.isMeasured());
  EXPECT_EQ(costs.getArch(), "znver5");
  EXPECT_EQ(costs.getRestSeconds(), 0.5);
  const std::vector<double> seconds = getSeconds(costs);
  EXPECT_NEAR(seconds[0], 4 * productFlops / Costs::kFlopsPerSecond, 1e-9);
  EXPECT_NEAR(seconds[1], 4 * roofline, 1e-9);
  EXPECT_NEAR(seconds[2], 4 * roofline, 1e-9);
  EXPECT_THAT(costs.getMissing(), ElementsAre("arith.mulf", getKey("product"), "tensor.concat"));
}

TEST_F(CostsTest, RefusesWhatHoldsNoCosts) {
  auto messageOf = [](llvm::StringRef text) {
    llvm::Expected<Costs> costs = Costs::parse(text, "costs.json");
    return costs ? "" : llvm::toString(costs.takeError());
  };
  EXPECT_THAT(messageOf("garbage"),
              HasSubstr("'costs.json' holds no costs of kernels: it is no JSON"));
  EXPECT_THAT(messageOf("[]"), HasSubstr("expected an object with a 'version'"));
  EXPECT_THAT(messageOf(R"({"version": 2})"), HasSubstr("expected version 1, got 2"));
  EXPECT_THAT(messageOf(R"({"version": 1, "rest_seconds": 0, "kernels": [{"key": "k"}]})"),
              HasSubstr("missing value at costs.kernels[0].calls"));
  EXPECT_THAT(messageOf(R"({"version": 1, "rest_seconds": 0, "kernels": []})"),
              HasSubstr("no kernel in it takes time"));
  EXPECT_THAT(messageOf(makeFile("k", -1)), HasSubstr("not negative at costs.kernels[0]"));
  llvm::Expected<Costs> missing = Costs::read("/nonexistent/costs.json");
  ASSERT_FALSE(missing);
  EXPECT_THAT(llvm::toString(missing.takeError()), HasSubstr("/nonexistent/costs.json"));
}

} // namespace
