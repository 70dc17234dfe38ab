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
using ::testing::ElementsAre;
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

TEST_F(CpuTargetTest, ListsAreSortedByFeatures) {
  auto getNames = [&](StringRef list) {
    std::string error;
    FailureOr<ArrayAttr> targets = cpu::getCpuTargets(&context, list, error);
    EXPECT_TRUE(succeeded(targets)) << error;
    std::vector<std::string> names;
    for (auto target : targets->getAsRange<CpuTargetAttr>())
      names.push_back(target.getArch().str());
    return names;
  };
  EXPECT_THAT(getNames("x86-64-v3"), ElementsAre("x86-64-v3"));
  EXPECT_THAT(getNames("alderlake,x86-64-v3,znver4, x86-64-v4,sapphirerapids"),
              ElementsAre("sapphirerapids", "znver4", "x86-64-v4", "alderlake", "x86-64-v3"));
  // The same to generated code: the second would never run.
  EXPECT_THAT(getNames("sapphirerapids,emeraldrapids"), ElementsAre("sapphirerapids"));
  EXPECT_THAT(getNames("generic-multi"), ElementsAre("sapphirerapids", "icelake-server",
                                                     "x86-64-v4", "alderlake", "x86-64-v3"));
  EXPECT_THAT(getNames("generic-multi"), getNames(cpu::getGenericCpus()));
}

TEST_F(CpuTargetTest, ListsOfUnknownOrRepeatedNames) {
  auto getError = [&](StringRef list) {
    std::string error;
    EXPECT_TRUE(failed(cpu::getCpuTargets(&context, list, error))) << list.str();
    return error;
  };
  EXPECT_THAT(getError("x86-64-v3,zebra"), HasSubstr("unknown CPU 'zebra'"));
  EXPECT_THAT(getError("x86-64-v3,"), HasSubstr("unknown CPU ''"));
  EXPECT_THAT(getError("znver4,x86-64-v3,znver4"), HasSubstr("names the CPU 'znver4' twice"));
  EXPECT_THAT(getError("generic-multi,znver4"), HasSubstr("unknown CPU 'generic-multi'"));
}

TEST_F(CpuTargetTest, CodeNeedsKernels) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  std::string message;
  ScopedDiagnosticHandler handler(&context,
                                  [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  EXPECT_TRUE(failed(cpu::compileKernels(*module)));
  EXPECT_THAT(message, HasSubstr("has no kernels; expected a module of the phase program"));
}

} // namespace
