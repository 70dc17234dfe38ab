#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/ObjectCompiler.h"
#include "ir/NyalaDialect.h"
#include "runtime/devices/cpu/CpuFeatures.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace nyala;
using ::testing::HasSubstr;

namespace {

class CpuTargetTest : public ::testing::Test {
protected:
  CpuTargetTest() { context.loadDialect<NyalaDialect>(); }
  CpuTargetAttr get(StringRef name) {
    std::string error;
    FailureOr<CpuTargetAttr> target = cpu::getCpuTarget(&context, name, error);
    EXPECT_TRUE(succeeded(target)) << error;
    return succeeded(target) ? *target : CpuTargetAttr();
  }
  MLIRContext context;
};

TEST_F(CpuTargetTest, LevelsHaveTheirFeatures) {
  EXPECT_FALSE(get("x86-64").hasFeature("sse4.1"));
  CpuTargetAttr v3 = get("x86-64-v3");
  EXPECT_EQ(v3.getArch(), "x86-64-v3");
  for (StringRef feature : {"avx2", "fma", "f16c", "bmi2"})
    EXPECT_TRUE(v3.hasFeature(feature)) << feature.str();
  EXPECT_FALSE(v3.hasFeature("avx512f"));
  for (StringRef feature : {"fma", "avx512f", "avx512bw", "avx512vl"})
    EXPECT_TRUE(get("x86-64-v4").hasFeature(feature)) << feature.str();
  EXPECT_TRUE(get("sapphirerapids").hasFeature("amx-int8"));
}

TEST_F(CpuTargetTest, NativeRunsHere) {
  CpuTargetAttr native = get("native");
  EXPECT_NE(native.getArch(), "native");
  for (StringAttr feature : native.getFeatures())
    EXPECT_EQ(rt::CpuFeatures::host().query(feature.getValue().str()),
              rt::CpuFeatures::Answer::Present)
        << feature.getValue().str();
}

// Whatever a target may name, the runtime can answer for.
TEST_F(CpuTargetTest, TheRuntimeKnowsAllFeatures) {
  for (StringRef name : {"x86-64-v4", "sapphirerapids", "graniterapids", "znver5", "sierraforest"})
    for (StringAttr feature : get(name).getFeatures())
      EXPECT_NE(rt::CpuFeatures::host().query(feature.getValue().str()),
                rt::CpuFeatures::Answer::Unknown)
          << feature.getValue().str();
}

TEST_F(CpuTargetTest, UnknownNamesListTheKnown) {
  for (StringRef name : {"zebra", "", "x86-64-v9", "i386"}) {
    std::string error;
    EXPECT_TRUE(failed(cpu::getCpuTarget(&context, name, error)));
    EXPECT_THAT(error, HasSubstr("unknown CPU '" + name.str() + "'; expected native or one of "));
    EXPECT_THAT(error, HasSubstr("x86-64-v3"));
    EXPECT_THAT(error, HasSubstr("sapphirerapids"));
  }
}

TEST_F(CpuTargetTest, KernelsNeedATarget) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  std::string message;
  ScopedDiagnosticHandler handler(&context,
                                  [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  EXPECT_TRUE(failed(cpu::compileKernels(*module)));
  EXPECT_THAT(message, HasSubstr("has no target"));
}

} // namespace
